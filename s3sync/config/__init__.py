"""One frozen `Config`, built from defaults, conf/config.yml, a .env file, the environment and options."""
