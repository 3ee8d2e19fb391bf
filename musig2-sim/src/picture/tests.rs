use super::data::{Data, Message, Turn};
use crate::network::{Latency, Partition};
use crate::trial::Failure;
use crate::{Micros, NodeId, Picture, Plan, Probability, RunError, Violation, World};
use musig2_proto::{AbortReason, Command, Note};

const ALICE: NodeId = NodeId::new(0);
const BOB: NodeId = NodeId::new(1);

fn run(plan: Plan) -> World {
    let mut world = World::new(plan).unwrap().recorded();
    world.run_until_quiet().unwrap();
    world
}

fn faulty() -> Plan {
    let [from, until] = [60, 2_000].map(Micros::from_millis);
    Plan::one_session(3)
        .with_seed(7)
        .with_latency(Latency::Uniform {
            least: Micros::from_millis(5),
            most: Micros::from_millis(40),
        })
        .with_loss(Probability::percent(20))
        .with_duplication(Probability::percent(15))
        .with_partition(Partition::new([ALICE], [NodeId::new(2)]).during(from, until))
        .with_crash(BOB, Micros::from_millis(80), Micros::from_secs(3))
        .with_heal_at(Micros::from_secs(6))
}

fn ways<'a>(data: &'a Data, fate: &'a str) -> impl Iterator<Item = &'a Message> {
    data.messages.iter().filter(move |message| message.ways.iter().any(|way| way.fate == fate))
}

fn turn(data: &Data, step: usize) -> &Turn {
    data.turns.iter().find(|turn| turn.step == step).unwrap()
}

#[test]
fn every_message_is_an_arrow_of_its_fate() {
    let world = run(faulty());
    let data = Data::of(&world);
    let counters = world.counters();
    let count =
        |gossip| data.messages.iter().filter(|message| message.gossip == gossip).count() as u64;
    assert_eq!(count(false), counters.frames);
    assert_eq!(count(true), 2 * counters.publications);
    let lost = ["lost", "cut", "missed"].map(|fate| ways(&data, fate).count() as u64);
    assert!(lost.iter().all(|lost| *lost > 0), "{lost:?}");
    let ways = || data.messages.iter().flat_map(|message| &message.ways);
    let came = ways().filter(|way| way.turn.is_some() && way.fate != "missed").count() as u64;
    assert_eq!(came, counters.received);
    assert_eq!(ways().filter(|way| way.again).count() as u64, counters.duplicated);
}

#[test]
fn an_arrow_goes_from_the_sending_turn_to_the_turn_it_led_to() {
    let data = Data::of(&run(faulty()));
    for message in &data.messages {
        let sender = turn(&data, message.turn);
        assert_eq!((sender.node, sender.at), (message.from, message.at));
        for way in message.ways.iter().filter(|way| way.turn.is_some()) {
            let receiver = turn(&data, way.turn.unwrap());
            assert_eq!(Some(receiver.node), message.to);
            assert_eq!(receiver.message, Some(message.step));
            assert_eq!(Some(receiver.at), way.at);
        }
    }
    let ordered = data.turns.iter().filter(|turn| turn.text.starts_with("is to join"));
    assert!(ordered.clone().count() > 2);
    for join in ordered {
        let discovered = turn(&data, join.cause.unwrap());
        assert!(discovered.notes.iter().any(|note| note.text.starts_with("discovered")));
    }
}

#[test]
fn a_nodes_state_is_shown_before_and_after_each_step() {
    let world = run(Plan::one_session(3));
    let data = Data::of(&world);
    for states in &data.states {
        let phases: Vec<_> =
            states.iter().flat_map(|(_, sessions)| sessions).map(|state| state.phase).collect();
        assert_eq!(phases.first(), Some(&"proposed"));
        assert_eq!(phases.last(), Some(&"complete"));
        assert!(phases.contains(&"partials"));
    }
    let mut unrecorded = World::new(Plan::one_session(3)).unwrap();
    unrecorded.run_until_quiet().unwrap();
    assert_eq!(unrecorded.trace().changes(ALICE).count(), 0);
}

#[test]
fn a_crash_leaves_nothing_of_a_nodes_state_and_a_gap_in_its_lane() {
    let data = Data::of(&run(faulty()));
    let bob = &data.lanes[1];
    let [_, (Some(crash), Some(back))] = bob.absent[..] else { panic!("{:?}", bob.absent) };
    assert_eq!(turn(&data, crash).kind, "crashed");
    assert_eq!(turn(&data, back).kind, "restarted");
    let (_, left) = data.states[1].iter().find(|(step, _)| *step == crash).unwrap();
    assert!(left.is_empty());
}

#[test]
fn a_pause_is_drawn_as_a_band_and_a_clock_change_as_a_mark() {
    let [from, until] = [15, 700].map(Micros::from_millis);
    let plan = Plan::one_session(3).with_pause(BOB, from, until).with_clock_drift(BOB, -40);
    let data = Data::of(&run(plan.with_clock_jump(BOB, until, 2_000)));
    let [(pauses, Some(goes_on))] = data.lanes[1].paused[..] else {
        panic!("{:?}", data.lanes[1].paused)
    };
    assert_eq!((turn(&data, pauses).kind, turn(&data, pauses).at), ("paused", from.get()));
    assert_eq!((turn(&data, goes_on).kind, turn(&data, goes_on).at), ("resumed", until.get()));
    assert_eq!(turn(&data, goes_on).cause, Some(pauses));
    assert!(data.turns.iter().any(|turn| turn.kind == "clock" && turn.node == 1));
    assert_eq!(data.lanes[1].clock.as_deref(), Some("-40 ppm"));
    assert!(data.lanes[0].paused.is_empty() && data.lanes[0].clock.is_none());
}

#[test]
fn a_violation_is_pinned_to_the_last_turn_of_its_node() {
    let world = run(faulty());
    let violation =
        Violation::InvalidSignature { session: world.session_id(0).unwrap(), node: BOB, item: 0 };
    let Data { pin, turns, .. } =
        Picture::of(&world).with_failure(&Failure::Safety(violation.clone())).0;
    let pin = pin.unwrap();
    assert_eq!((pin.kind.as_str(), pin.text), ("Safety", violation.to_string()));
    assert_eq!(pin.turn, turns.iter().rfind(|turn| turn.node == 1).map(|turn| turn.step));
    let unrest = Failure::Unrest(RunError::NotQuiet { limit: Micros::ZERO, open: Vec::new() });
    let pin = Picture::of(&world).with_failure(&unrest).0.pin.unwrap();
    assert_eq!(pin.turn, turns.last().map(|turn| turn.step));
}

#[test]
fn text_from_a_peer_cannot_end_the_data() {
    let mut world = World::new(Plan::one_session(2)).unwrap().recorded();
    world.run_until(Micros::from_millis(15)).unwrap();
    let session = world.session_id(0).unwrap();
    let reason = Note::new("</script><script>alert(1)</script>{{DATA}}");
    world.command(ALICE, Command::AbortSession { session, reason: reason.clone() }).unwrap();
    world.run_until_quiet().unwrap();
    let html = Picture::of(&world).with_replay_command("</script>").to_html();
    assert!(html.contains(r"requested: \u003c/script>\u003cscript>alert(1)\u003c/script>{{DATA}}"));
    assert_eq!(html.matches("</script>").count(), 2, "{:?}", AbortReason::Requested(reason));
}

#[test]
fn the_page_names_no_other_file() {
    let html = Picture::of(&run(faulty())).to_html();
    for loader in [
        "src=",
        "@import",
        "url(http",
        "fetch(",
        "XMLHttpRequest",
        "WebSocket",
        "<link",
        "<img",
        "<iframe",
    ] {
        assert!(!html.contains(loader), "{loader}");
    }
    assert!(html.contains("default-src 'none'"));
    assert!(!html.contains("{{"));
}
