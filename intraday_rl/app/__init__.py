"""The application: configuration to objects, one file for each command line. The only importer of hydra."""
