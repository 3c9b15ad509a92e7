//! Programs that mean harm: what each does is an error of its transaction, and nothing else.

#[path = "../support/mod.rs"]
mod support;

mod buffers;
mod call;
mod calls;
mod input;
mod machine;
mod run;
