//! Copying accounts from each store to each other one.

mod accounts;
mod checked;
mod fields;
mod held;
mod interrupted;
mod opened;
mod pairs;
mod through;
