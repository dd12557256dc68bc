"""The ground floor: errors, checks, compiled functions, parameter structs, seeds and fingerprints."""
