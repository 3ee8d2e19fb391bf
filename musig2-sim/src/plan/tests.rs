//! What a plan says survives being stored, whatever it says.

use super::*;
use crate::chance::Probability;
use arbitrary::{Arbitrary, Result, Unstructured};
use core::time::Duration;
use musig2_proto::{OnDecline, PhaseTimeout, Stepping, Topology};
use proptest::prelude::*;

/// Any plan that can be written down, with contradictions. The literal names every field, so a new
/// one is drawn here before anything compiles.
fn any_plan(bytes: &mut Unstructured<'_>) -> Result<Plan> {
    Ok(Plan {
        seed: bytes.arbitrary()?,
        nodes: bytes.arbitrary()?,
        sessions: bytes.arbitrary()?,
        network: bytes.arbitrary()?,
        crashes: bytes.arbitrary()?,
        pauses: bytes.arbitrary()?,
        config: any_config(bytes)?,
        known_contacts: bytes.arbitrary()?,
        time_limit: bytes.arbitrary()?,
        step_limit: bytes.arbitrary()?,
    })
}

/// Any configuration. Of choices between two, the one that is not the default.
fn any_config(bytes: &mut Unstructured<'_>) -> Result<Config> {
    let mut config = Config::default();
    if bytes.arbitrary()? {
        config = config.with_stepping(Stepping::Manual).with_topology(Topology::Hub);
    }
    if bytes.arbitrary()? {
        config = config.with_phase_timeout(PhaseTimeout::Report).with_on_decline(OnDecline::Wait);
    }
    if bytes.arbitrary()? {
        config = config.with_enable_auto_cleanup(false).with_allow_raw_tweaks(true);
    }
    let mut time = || Ok(Duration::new(bytes.arbitrary()?, bytes.int_in_range(0..=999_999_999)?));
    config = config
        .with_announcement_ttl(time()?)
        .with_nonce_timeout(time()?)
        .with_partial_sig_timeout(time()?)
        .with_max_session_duration(time()?)
        .with_inactivity_timeout(time()?)
        .with_cleanup_interval(time()?)
        .with_clock_skew(time()?)
        .with_poll_interval(time()?)
        .with_max_poll_interval(time()?)
        .with_max_join_poll_interval(time()?)
        .with_relay_delay(time()?)
        .with_announce_interval(time()?)
        .with_max_announce_interval(time()?)
        .with_announce_instead(time()?);
    Ok(config
        .with_announcement_topic(bytes.arbitrary()?)
        .with_max_concurrent_sessions(bytes.arbitrary()?)
        .with_max_joined_names(bytes.arbitrary()?)
        .with_max_joined_sessions(bytes.arbitrary()?)
        .with_max_queued_sessions(bytes.arbitrary()?)
        .with_min_signers(bytes.arbitrary()?)
        .with_max_signers(bytes.arbitrary()?)
        .with_max_items(bytes.arbitrary()?)
        .with_max_memo(bytes.arbitrary()?)
        .with_max_frame_size(bytes.arbitrary()?)
        .with_max_discovered_sessions(bytes.arbitrary()?)
        .with_max_discovered_per_author(bytes.arbitrary()?)
        .with_discoveries_per_author(bytes.arbitrary()?)
        .with_checks_per_source(bytes.arbitrary()?)
        .with_source_burst(bytes.arbitrary()?))
}

/// No probability is greater than one, so it cannot be derived.
impl<'a> Arbitrary<'a> for Probability {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self::per_million(bytes.int_in_range(0..=Self::ALWAYS.parts_per_million())?))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_a_plan_can_say_survives_being_stored(
        bytes in proptest::collection::vec(any::<u8>(), 0..3_000)
    ) {
        let mut bytes = Unstructured::new(&bytes);
        // Bytes that are used up end a plan early, if not before its configuration.
        if let Ok(plan) = any_plan(&mut bytes) {
            let stored = serde_json::to_string(&plan).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Plan>(&stored).unwrap(), &plan);
        }
    }
}

#[test]
fn what_a_plan_does_not_know_is_refused_and_not_dropped() {
    let stored = serde_json::to_string(&Plan::one_session(2)).unwrap();
    for (place, name) in [
        ("\"nodes\":[{", "plan's node"),
        ("\"sessions\":[{", "plan's session"),
        ("\"network\":{", "network"),
        ("\"frames\":{", "link"),
        ("\"clock\":{", "clock"),
        ("{\"seed\"", "plan"),
    ] {
        let (before, after) = stored.split_once(place).expect(name);
        let place = place.replace('{', "{\"no such thing\":1,");
        let other = format!("{before}{place}{after}");
        assert!(serde_json::from_str::<Plan>(&other).is_err(), "{name}: {other}");
    }
}

#[test]
fn a_drawn_plan_survives_being_stored_and_is_free_of_contradictions() {
    for (seed, profile) in (0..20).flat_map(|seed| Profile::ALL.map(|profile| (seed, profile))) {
        let plan = Plan::drawn(seed, profile);
        let stored = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&stored).unwrap(), plan);
        assert_eq!(plan.check(), Ok(()));
        assert_ne!(plan, Plan::drawn(seed + 1, profile));
    }
}

#[test]
fn a_contradiction_is_named() {
    let [alice, bob, carol] = [0, 1, 2].map(NodeId::new);
    let error = Plan::new(2).with_session(SessionPlan::new([alice, carol])).check().unwrap_err();
    assert_eq!(error.to_string(), "session 0 names node 2, and there are only 2");
    let error = Plan::new(2).with_link(alice, carol, crate::Link::default()).check().unwrap_err();
    assert_eq!(error.to_string(), "a link of node 2, and there are only 2");
    let session = SessionPlan::new([alice, bob]).proposed_by(carol);
    let error = Plan::new(3).with_session(session).check().unwrap_err();
    assert_eq!(error.to_string(), "session 0: its coordinator, node 2, is not one of its signers");
}
