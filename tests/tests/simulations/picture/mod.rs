//! The picture of a run, checked in a real browser: everything is drawn, everything responds,
//! nothing is loaded.

mod browser;

use self::browser::Browser;
use musig2_sim::trial::Failure;
use musig2_sim::{
    Action, Fate, Latency, Micros, NodeId, Partition, Picture, Plan, Probability, SessionPlan,
    Step, Violation, World,
};

const DESK: (u32, u32) = (1440, 900);
const PHONE: (u32, u32) = (390, 844);
/// High enough that the whole run is drawn at once.
const TALL: (u32, u32) = (1440, 9_000);
const REPLAY: &str = "musig2-sim run 7 --profile swarm";

const BOB: NodeId = NodeId::new(1);

fn run(plan: Plan) -> World {
    let mut world = World::new(plan).unwrap().recorded();
    world.run_until_quiet().unwrap();
    world
}

/// Runs three signers through everything that a network can do to them.
fn faulty() -> World {
    let [from, until] = [60, 1_200].map(Micros::from_millis);
    run(Plan::one_session(3)
        .with_seed(7)
        .with_latency(Latency::Uniform {
            least: Micros::from_millis(5),
            most: Micros::from_millis(40),
        })
        .with_loss(Probability::percent(20))
        .with_duplication(Probability::percent(15))
        .with_delays(Probability::percent(10), Latency::Constant(Micros::from_millis(400)))
        .with_partition(Partition::new([NodeId::new(0), BOB], [NodeId::new(2)]).during(from, until))
        .with_crash(BOB, Micros::from_millis(80), Micros::from_secs(3))
        .with_heal_at(Micros::from_secs(6)))
}

/// Draws a good run as if it had been spoilt.
fn spoilt(world: &World) -> String {
    let session = world.session_id(0).unwrap();
    let failure = Failure::Safety(Violation::InvalidSignature { session, node: BOB, item: 0 });
    Picture::of(world).with_replay_command(REPLAY).with_failure(&failure).to_html()
}

fn count(world: &World, is: impl Fn(&Action) -> bool) -> u64 {
    world.trace().recorded().iter().filter(|step| is(&step.action)).count() as u64
}

fn fate(action: &Action) -> Option<Fate> {
    match action {
        Action::Sent { fate, .. } | Action::Spread { fate, .. } => Some(*fate),
        _ => None,
    }
}

#[test]
fn a_run_is_drawn_whole_and_nothing_is_loaded() {
    let Some(mut browser) = Browser::start() else { return };
    let world = faulty();
    for dark in [false, true] {
        browser.open(&spoilt(&world), TALL, dark);
        assert_eq!(browser.complaints(), [&serde_json::Value::Null; 0]);
        assert_eq!(browser.requests(), [&serde_json::Value::Null; 0]);
        assert_eq!(browser.count(".head"), 3);
        let lost = count(&world, |action| fate(action) == Some(Fate::Lost));
        let cut = count(&world, |action| fate(action) == Some(Fate::Cut));
        let missed = count(&world, |action| matches!(action, Action::Missed { .. }));
        let received = count(&world, |action| matches!(action, Action::Received { .. }));
        assert!([lost, cut, missed].iter().all(|count| *count > 0));
        assert_eq!(browser.count("#picture .arrow.fate-lost"), lost);
        assert_eq!(browser.count("#picture .arrow.fate-cut"), cut);
        assert_eq!(browser.count("#picture .arrow.fate-missed"), missed);
        let arrived = ["delivered", "late", "duplicate"]
            .map(|fate| browser.count(&format!("#picture .arrow.fate-{fate}")));
        assert!(arrived.iter().all(|count| *count > 0), "{arrived:?}");
        assert_eq!(arrived.iter().sum::<u64>(), received);
        assert_eq!(browser.count("#picture .glyph.mark-crashed"), 1);
        assert_eq!(browser.count("#picture .glyph.mark-complete"), 3);
        assert!(
            browser.count("#picture .partition.one") == 2
                && browser.count("#picture .partition.other") == 1
        );
        for phase in ["joining", "partials", "complete"] {
            assert!(browser.count(&format!("#picture .band.phase-{phase}")) >= 3, "{phase}");
        }
    }
}

#[test]
fn a_violation_is_pinned_and_one_click_away() {
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&spoilt(&faulty()), DESK, false);
    assert!(browser.text("#pin").contains("with a signature for item 0 that does not verify"));
    assert_eq!(browser.count("#picture .pin-ring"), 1);
    browser.click("#pin");
    assert_eq!(browser.text("#details h2"), "Node 1");
    assert!(browser.text("#details .pinned").contains("does not verify"));
    assert_eq!(browser.text("#command"), REPLAY);
    browser.click("#copy");
    assert!(["Copied", "Marked"].contains(&browser.text("#copy").as_str()));
    assert_eq!(browser.complaints().len(), 0);
}

#[test]
fn a_click_shows_the_message_its_causes_and_the_state_before_and_after() {
    let Some(mut browser) = Browser::start() else { return };
    let world = faulty();
    browser.open(&spoilt(&world), TALL, false);
    // The first message that completed a round of nonces.
    let steps = world.trace().recorded();
    let told =
        steps.iter().position(|step| step.action.to_string().contains("all nonces")).unwrap();
    let is_receipt = |step: &Step| {
        step.node == steps[told].node && matches!(step.action, Action::Received { .. })
    };
    let receipt = steps[..told].iter().rposition(is_receipt).unwrap();
    browser.click(&format!("#picture .turn[data-step='{receipt}'] .glyph"));
    assert_eq!(browser.text("#details h2"), format!("Node {}", steps[receipt].node.get()));
    let details = browser.text("#details");
    for part in [
        "Message received",
        "session",
        "request",
        "statements",
        "author",
        "boot",
        "signature",
        "have",
        "sequence",
    ] {
        assert!(details.contains(part), "{part} in {details}");
    }
    assert!(
        browser.text("#details .notes").contains("(node "),
        "signers are named by their nodes as well"
    );
    assert_eq!(browser.text("#details tr.changed"), "phasejoiningpartials");
    assert!(
        browser.count("#picture .arrow.cause") >= 1 && browser.count("#picture .turn.cause") >= 1
    );
    // The keys lead from the turn to the message that caused it, and along the lane.
    browser.evaluate("document.getElementById('scroll').focus()");
    browser.press("c");
    assert!(browser.text("#details h2").starts_with("Frame #"));
    assert_eq!(browser.count("#picture .arrow.lit"), 1);
    browser.press("e");
    assert_eq!(browser.evaluate("location.hash"), format!("#select={receipt}"));
    browser.press("ArrowDown");
    assert_ne!(browser.evaluate("location.hash"), format!("#select={receipt}"));
    browser.press("Escape");
    assert_eq!(browser.text("#details h2"), "The run");
}

#[test]
fn filters_and_the_search_show_only_what_was_asked_for() {
    let Some(mut browser) = Browser::start() else { return };
    let sessions = [0..3, 1..4].map(|nodes| SessionPlan::new(nodes.map(NodeId::new)));
    let [one, other] = sessions;
    let world =
        run(Plan::new(4).with_session(one).with_session(other).with_loss(Probability::percent(20)));
    browser.open(&Picture::of(&world).to_html(), TALL, false);
    let [arrows, lost] =
        ["#picture .arrow", "#picture .arrow.fate-lost"].map(|selector| browser.count(selector));
    assert!(lost > 0);
    browser.click(".fate-filter-lost");
    assert_eq!(browser.count("#picture .arrow"), arrows - lost);
    browser.click(".fate-filter-lost");
    let bands = browser.count("#picture .band");
    browser.click(".session-filter-0");
    let (fewer, fewer_bands) = (browser.count("#picture .arrow"), browser.count("#picture .band"));
    assert!(0 < fewer && fewer < arrows && 0 < fewer_bands && fewer_bands < bands);
    browser.click(".session-filter-0");
    browser.click(".kind-filter-announcement");
    assert!(browser.count("#picture .arrow") < arrows);
    browser.click(".kind-filter-announcement");
    assert_eq!(browser.count("#picture .arrow"), arrows);
    // The search finds messages by the bytes of a session's id.
    let id = world.session_id(1).unwrap().to_string();
    browser.evaluate(&format!(
        "(() => {{ const search = document.getElementById('search'); search.value = {id:?};
            search.dispatchEvent(new Event('input')); }})()"
    ));
    let matches = browser.count("#picture .arrow.match");
    assert!(0 < matches && matches < arrows);
    assert_eq!(browser.complaints().len(), 0);
}

#[test]
fn fifteen_signers_fit_a_phone() {
    let Some(mut browser) = Browser::start() else { return };
    let world = run(Plan::one_session(15).with_known_contacts());
    let html = Picture::of(&world).to_html();
    for (size, dark) in [(DESK, false), (PHONE, false), (PHONE, true)] {
        browser.open(&html, size, dark);
        let wide =
            browser.evaluate("document.getElementById('scroll').scrollWidth").as_u64().unwrap();
        assert!(wide <= u64::from(size.0), "{wide} pixels");
        let overlap = "(() => { const heads = [...document.querySelectorAll('.head')].map((head) => head.getBoundingClientRect());
            return heads.some((head, place) => place > 0 && heads[place - 1].right > head.left); })()";
        assert_eq!(browser.evaluate(overlap), false);
        assert_eq!(browser.count(".head"), 15);
        // The publications to each other signer, and the frames.
        assert_eq!(browser.count("#picture .arrow"), 14 + 420);
        assert_eq!(browser.complaints().len(), 0);
    }
    assert_eq!(
        browser.evaluate("getComputedStyle(document.getElementById('details')).display"),
        "none"
    );
    browser.click("#picture .turn .glyph.mark-complete");
    let sheet = browser.evaluate(
        "document.getElementById('details').getBoundingClientRect().height / innerHeight",
    );
    assert!((0.2..0.6).contains(&sheet.as_f64().unwrap()), "{sheet}");
    assert!(browser.text("#details").contains("COMPLETE"));
}
