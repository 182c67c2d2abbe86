"""Source and target compared: by listings, then object by object where listings say too little."""
