//! Tests of the command `musig2-node` as a user runs it: operating-system processes, real sockets,
//! what they print and how they exit.

#[cfg(unix)]
mod bursts;
mod child;
mod commands;
#[cfg(target_os = "linux")]
mod configuration;
#[cfg(target_os = "linux")]
mod connections;
mod conviction;
#[cfg(unix)]
mod daemon;
#[cfg(unix)]
mod daemons;
#[cfg(target_os = "linux")]
mod disks;
mod files;
#[cfg(unix)]
mod items;
#[cfg(unix)]
mod keystore;
#[cfg(unix)]
mod labels;
mod misuse;
#[cfg(target_os = "linux")]
mod names;
mod objects;
mod operating;
#[cfg(unix)]
mod paths;
#[cfg(target_os = "linux")]
mod places;
#[cfg(unix)]
mod readers;
#[cfg(unix)]
mod reload;
#[cfg(unix)]
mod results;
#[cfg(unix)]
mod roster;
mod sessions;
#[cfg(unix)]
mod shells;
#[cfg(unix)]
mod socket;
#[cfg(unix)]
mod terminal;
