//! Losing the server, and several processes.
