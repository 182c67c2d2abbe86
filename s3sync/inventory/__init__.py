"""Reading S3 Inventory reports: the manifest, its data files, their columns. Nothing here knows S3's API."""
