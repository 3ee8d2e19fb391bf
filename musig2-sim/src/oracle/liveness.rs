//! What must have happened, once the network has healed and the world is quiet.

use super::{Engine, Progress, Violation};
use crate::network::NodeId;
use crate::plan::SessionPlan;
use crate::world::World;
use musig2_proto::{Event, SessionId};

/// Liveness, once the network has healed and the world is quiet: a session that must complete by its plan, and that was not lost with
/// everyone's memory, is complete on each of its signers.
pub(crate) fn liveness<C: Engine>(world: &World<C>) -> Result<(), Violation> {
    for (session, plan) in world.plan().sessions.iter().enumerate() {
        let honest = plan.signers.iter().all(|&node| world.is_honest(node));
        if !honest || !world.plan().must_complete(session) {
            continue;
        }
        let Some(id) = world.session_id(session) else {
            // Its coordinator was down when it was to propose, or crashed before anything of it left.
            if has_crashed(world, plan.coordinator) {
                continue;
            }
            let refusal = world.application(plan.coordinator).refusals.last();
            let refusal = refusal.map_or("its time has not come".into(), |(_, _, error)| error.to_string());
            return Err(Violation::NotCreated { session, refusal });
        };
        if !is_known(world, plan, id) {
            continue;
        }
        for &node in &plan.signers {
            let state = match world.application(node).terminal(&id) {
                Some((_, Event::SessionComplete { .. })) => continue,
                Some((_, event)) => Progress::Ended(event.clone()),
                None => match world.view(node, session) {
                    Some(view) => Progress::Open { phase: view.phase, awaiting: view.awaiting },
                    None => Progress::Unknown,
                },
            };
            return Err(Violation::NotComplete { session, node, state });
        }
    }
    Ok(())
}

/// Whether a signer still knows of a session: after crashes, what nobody knows is gone.
fn is_known<C: Engine>(world: &World<C>, plan: &SessionPlan, id: SessionId) -> bool {
    let knows = |&node: &NodeId| {
        let application = world.application(node);
        application.open.contains(&id) || application.terminal(&id).is_some()
    };
    !plan.signers.iter().any(|&node| has_crashed(world, node)) || plan.signers.iter().any(knows)
}

fn has_crashed<C: Engine>(world: &World<C>, node: NodeId) -> bool {
    world.node(node).is_none() || world.lives(node).count() > 1
}
