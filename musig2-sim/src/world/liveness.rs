//! What must have happened, once the network has healed and the world is quiet.

use super::World;
use crate::engine::Engine;
use crate::ids::NodeId;
use crate::oracle::{Progress, Violation};
use crate::plan::SessionPlan;
use musig2_proto::{AbortCause, AbortReason, CommandError, Event, SessionId, SignerIndex};

/// Checks liveness once the network has healed and the world is quiet. A session that must complete
/// by its plan must be complete on each of its signers, unless everyone who knew of it lost their
/// memory. A session that a Byzantine signer spoilt must have a suspect.
pub(crate) fn liveness<C: Engine>(world: &World<C>) -> Result<(), Violation> {
    for (session, plan) in world.plan().sessions.iter().enumerate() {
        if plan.signers.iter().all(|&node| world.is_honest(node)) {
            check_complete(world, session, plan)?;
        } else {
            check_suspected(world, session, plan)?;
        }
    }
    Ok(())
}

fn check_complete<C: Engine>(
    world: &World<C>,
    session: usize,
    plan: &SessionPlan,
) -> Result<(), Violation> {
    if !world.plan().must_complete(session) {
        return Ok(());
    }
    let Some(id) = world.session_id(session) else {
        // The coordinator was down when it was to propose, or crashed before it sent anything.
        if has_crashed(world, plan.coordinator) {
            return Ok(());
        }
        let refusal = world.application(plan.coordinator).refusals.last();
        let refusal =
            refusal.map_or("its time has not come".into(), |(_, _, error)| error.to_string());
        return Err(Violation::NotCreated { session, refusal });
    };
    if !is_known(world, plan, id) {
        return Ok(());
    }
    // A signer that lost the signatures in a later crash counts as having completed the session.
    let completed = |node: NodeId| {
        let mut ends = world.lives(node).filter_map(|life| life.terminal(&id));
        ends.any(|(_, event)| matches!(event, Event::SessionComplete { .. }))
    };
    if may_wait_in_vain(world, plan) {
        return Ok(());
    }
    // Such a signer completed the session and then lost it in a crash, perhaps together with what
    // others still needed. Its application has no reason to take part again, so the others may
    // never complete.
    let is_through = |node: NodeId| {
        let wants =
            world.plan().nodes.get(node.as_usize()).is_some_and(|habits| habits.approval.is_yes());
        let has = matches!(
            world.application(node).terminal(&id),
            Some((_, Event::SessionComplete { .. }))
        );
        !wants && !has && completed(node)
    };
    if plan.signers.iter().any(|&node| is_through(node)) {
        return Ok(());
    }
    let Some(&node) = plan.signers.iter().find(|&&node| !completed(node)) else { return Ok(()) };
    let state = match world.application(node).terminal(&id) {
        Some((_, event)) => Progress::Ended(event.clone()),
        None => match world.view(node, session) {
            Some(view) => Progress::Open { phase: view.phase, awaiting: view.awaiting },
            None => Progress::Unknown,
        },
    };
    Err(Violation::NotComplete { session, node, state })
}

/// Returns whether a session may wait for a place until it expires.
///
/// That is so if its coordinator proposes more sessions than one of its signers has places, and one
/// of those sessions need not end in time, or a crash made a node forget a session that still keeps
/// places elsewhere. It is also so if a signer's queue was full and a Byzantine node may have
/// filled it.
fn may_wait_in_vain<C: Engine>(world: &World<C>, plan: &SessionPlan) -> bool {
    let all = world.plan().sessions.iter().enumerate();
    let same: Vec<_> = all
        .filter(|(_, other)| other.coordinator == plan.coordinator)
        .map(|(other, _)| other)
        .collect();
    let places =
        plan.signers.iter().map(|&node| world.plan().config_of(node).max_concurrent_sessions).min();
    let waits = places.is_none_or(|places| same.len() > places);
    let is_stuck = same.iter().any(|&other| !world.plan().must_complete(other));
    let crashed = world.plan().node_ids().any(|node| has_crashed(world, node));
    let is_full = |node: NodeId| {
        let mut refusals = world.application(node).refusals.iter();
        refusals.any(|(_, _, error)| matches!(error, CommandError::QueueFull(_)))
    };
    let is_filled = plan.signers.iter().any(|&node| is_full(node))
        && world.plan().node_ids().any(|node| !world.is_honest(node));
    (waits && (is_stuck || crashed)) || is_filled
}

/// Checks that if every honest signer joined and none got the signatures, one of them names or
/// suspects a Byzantine signer. Nothing follows if an honest signer crashed, the session had too
/// little time, clocks do not agree, or an application gave up on its own.
fn check_suspected<C: Engine>(
    world: &World<C>,
    session: usize,
    plan: &SessionPlan,
) -> Result<(), Violation> {
    let Some(id) = world.session_id(session) else { return Ok(()) };
    let honest = || plan.signers.iter().copied().filter(|&node| world.is_honest(node));
    // A session that never got a place awaited nobody. The sessions that kept the places name the
    // culprit.
    if !world.plan().has_time(plan) || may_wait_in_vain(world, plan) {
        return Ok(());
    }
    let spoilt = |node| {
        let application = world.application(node);
        let aborted = matches!(application.terminal(&id), Some((_, Event::SessionAborted { .. })));
        aborted && application.approved.contains(&id) && !has_crashed(world, node)
    };
    if honest().next().is_none() || !honest().all(spoilt) {
        return Ok(());
    }
    let keys = world.sorted_keys(session);
    let is_byzantine = |signer: &SignerIndex| {
        let key = keys.get(signer.as_usize());
        let mut owners =
            world.plan().node_ids().filter(|&node| Some(&world.public_key(node)) == key);
        owners.any(|node| !world.is_honest(node))
    };
    let mut said = honest().flat_map(|node| &world.application(node).events);
    let suspected =
        said.any(|(_, event)| event.session() == id && suspects(event).iter().any(is_byzantine));
    let gave_up = honest().any(|node| {
        let own = keys.binary_search(&world.public_key(node)).ok();
        let end = world.application(node).terminal(&id);
        let by = end.map(|(_, event)| suspects(event)).unwrap_or_default();
        matches!(end, Some((_, Event::SessionAborted { cause: AbortCause::BySigner { .. }, .. })))
            && by.iter().any(|signer| Some(signer.as_usize()) == own)
    });
    if suspected || gave_up { Ok(()) } else { Err(Violation::NobodySuspected { session }) }
}

/// Returns the signers that an event names for a fault, for an abort, or because it awaits them.
fn suspects(event: &Event) -> Vec<SignerIndex> {
    match event {
        Event::Stalled { awaiting, .. } => awaiting.clone(),
        Event::SessionAborted { cause, .. } => match cause {
            AbortCause::BySigner {
                signer,
                reason: AbortReason::Declined { signer: other, .. },
            } => {
                vec![*signer, *other]
            }
            AbortCause::Convicted { signer, .. }
            | AbortCause::BySigner { signer, .. }
            | AbortCause::SignerDeclined { signer, .. } => vec![*signer],
            AbortCause::TimedOut { awaiting, .. } | AbortCause::Expired { awaiting } => {
                awaiting.clone()
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// Returns whether a signer can still tell others of a session; after crashes, nobody may know it
/// any more. A node that received the signatures without having joined in this life does not count:
/// it handed them to its application and keeps only the session's id, so it cannot pass them on.
fn is_known<C: Engine>(world: &World<C>, plan: &SessionPlan, id: SessionId) -> bool {
    let knows = |&node: &NodeId| {
        let application = world.application(node);
        match application.terminal(&id) {
            Some((_, Event::SessionComplete { .. })) => application.approved.contains(&id),
            Some(_) => true,
            None => application.open.contains(&id),
        }
    };
    !plan.signers.iter().any(|&node| has_crashed(world, node)) || plan.signers.iter().any(knows)
}

fn has_crashed<C: Engine>(world: &World<C>, node: NodeId) -> bool {
    world.node(node).is_none() || world.lives(node).count() > 1
}
