//! A training set as a file.
