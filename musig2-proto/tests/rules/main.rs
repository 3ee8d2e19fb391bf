//! What the protocol does and does not do: tests each rule of [`PROTOCOL.md`](../../PROTOCOL.md)
//! through the interface of a node, in a room without faults.

mod attacked;
mod bounds;
mod bursts;
mod charges;
mod commands;
mod common;
mod contacts;
mod convergence;
mod convictions;
mod copies;
mod declines;
mod ended;
mod faults;
mod frames;
mod halts;
mod hostile;
mod limits;
mod lives;
mod memory;
mod proofs;
mod restart;
mod serialised;
mod session;
mod strangers;
mod undecided;
mod work;
