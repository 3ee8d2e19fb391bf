//! What an application and its adapter tell a node, and what the node tells them.

pub(crate) mod abort;
pub(crate) mod command;
pub(crate) mod event;
pub(crate) mod input;
pub(crate) mod offence;
pub(crate) mod output;
pub(crate) mod view;
