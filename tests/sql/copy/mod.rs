//! Copying accounts from each store to each other one.

mod accounts;
mod checked;
mod fields;
mod held;
mod interrupted;
mod opened;
mod pages;
mod pairs;
mod through;
