//! Draws a recorded run as one HTML file that needs nothing else: no network, no server, no other
//! file.
//!
//! | file | subject |
//! | --- | --- |
//! | `data.rs` | what the page is given, as JSON |
//! | `turns.rs`, `messages.rs` | the run as calls of nodes, and the messages between them |
//! | `lanes.rs`, `states.rs` | what is behind the messages: lanes, partitions, sessions |
//! | `decode.rs`, `shown.rs` | messages, field by field |
//! | `page/` | the page itself: HTML, style, script |

mod data;
mod decode;
mod lanes;
mod messages;
mod page;
mod shown;
mod states;
#[cfg(test)]
mod tests;
mod turns;

use crate::engine::Engine;
use crate::trial::Failure;
use crate::world::World;
use data::{Data, Pin};

/// A picture of a run: a lane for each node, virtual time running downwards, an arrow for each
/// message.
///
/// It shows what was [recorded](World::recorded). If a world was not recorded, it shows only the
/// lanes.
///
/// ```
/// use musig2_sim::{Picture, Plan, Probability, World};
///
/// let plan = Plan::one_session(3).with_seed(7).with_loss(Probability::percent(10));
/// let mut world = World::new(plan)?.recorded();
/// world.run_until_quiet()?;
/// let html = Picture::of(&world).with_replay_command("musig2-sim run 7").to_html();
/// assert!(html.starts_with("<!doctype html>"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Picture(Data);

impl Picture {
    /// Makes a picture of everything that has been recorded.
    pub fn of<C: Engine>(world: &World<C>) -> Self {
        Self(Data::of(world))
    }

    /// Shows the command that repeats this run.
    #[must_use]
    pub fn with_replay_command(mut self, command: impl Into<String>) -> Self {
        self.0.replay = Some(command.into());
        self
    }

    /// Pins the reason why the run failed to the place where it was found: the last turn of the
    /// node that broke a rule, or the last turn of all.
    #[must_use]
    pub fn with_failure(mut self, failure: &Failure) -> Self {
        let node = match failure {
            Failure::Safety(violation) | Failure::Liveness(violation) => violation.node(),
            Failure::Plan(_) | Failure::Panic(_) | Failure::Unrest(_) => None,
        };
        let mut turns = self.0.turns.iter().rev();
        let turn = match node {
            Some(node) => turns.find(|turn| turn.node == node.get()),
            None => turns.next(),
        };
        let turn = turn.map(|turn| turn.step);
        self.0.pin =
            Some(Pin { kind: format!("{:?}", failure.kind()), text: failure.to_string(), turn });
        self
    }

    /// Returns the page. It loads nothing, which its content security policy enforces.
    pub fn to_html(&self) -> String {
        page::render(&self.0)
    }
}
