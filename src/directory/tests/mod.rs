//! Stories about the directory.
