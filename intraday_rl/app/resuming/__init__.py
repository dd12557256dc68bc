"""Going on with an interrupted run: in its folder, with its configuration, in its MLflow run."""
