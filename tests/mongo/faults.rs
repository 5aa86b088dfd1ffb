//! Fail points at every command.
