//! A small HTTP client.
