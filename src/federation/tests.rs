//! Sign-ins with providers in this process: honest ones, made from the documentation of real
//! ones, and one that lies.

mod double;
mod keys;
mod lies;
mod parsers;
mod presets;
mod school;
