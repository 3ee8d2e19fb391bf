//! Makes a failing plan smaller.
//!
//! A plan is data, and shrinks as data: elements of lists are removed, optional values become
//! absent, and numbers get smaller. A result that is not a plan, or that contradicts itself, is not
//! a candidate. So a part that is added to plans later shrinks without any change here.

use crate::plan::Plan;
use musig2_proto::Config;
use serde_json::Value;

/// These stay. A new seed changes everything at once, and a run without enough time or steps fails
/// for that reason only. The configuration is one choice, tried at its default first.
const KEPT: [&str; 4] = ["seed", "time_limit", "step_limit", "config"];

/// Returns the smallest plan found that still fails. Each step takes something out of the plan
/// before it; at most `tries` plans are tried. Since randomness is keyed, taking something out
/// leaves the rest of a run mostly unchanged.
///
/// ```
/// use musig2_sim::{Plan, Profile, shrink};
///
/// let plan = Plan::drawn(3, Profile::Swarm);
/// let small = shrink(plan, 10_000, |plan| !plan.sessions.is_empty());
/// assert_eq!((small.nodes.len(), small.sessions.len()), (1, 1));
/// ```
pub fn shrink(plan: Plan, tries: u64, mut fails: impl FnMut(&Plan) -> bool) -> Plan {
    let mut left = tries;
    let mut try_out = |candidate: &Plan| {
        let open = left > 0;
        left = left.saturating_sub(1);
        open && fails(candidate)
    };
    let mut smallest = plan;
    let usual = Plan { config: Config::default(), ..smallest.clone() };
    if usual != smallest && usual.check().is_ok() && try_out(&usual) {
        smallest = usual;
    }
    // Starts again as long as a pass removed anything: removing one part may make another
    // removable.
    loop {
        let before = smallest.clone();
        for cut in [Cut::Lists, Cut::Options, Cut::Numbers] {
            pass(&mut smallest, cut, &mut try_out);
        }
        if smallest == before {
            return smallest;
        }
    }
}

/// What one pass over a plan removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Lists,
    Options,
    Numbers,
}

/// Tries to make each part of the plan smaller, one after another.
fn pass(plan: &mut Plan, cut: Cut, fails: &mut impl FnMut(&Plan) -> bool) {
    let Ok(mut value) = serde_json::to_value(&*plan) else { return };
    let mut number = 0;
    // Cutting changes which parts exist, so each is looked up by its number rather than by a stored
    // path.
    while let Some(path) = nth_path(&value, number) {
        number += 1;
        let Some(part) = value.pointer(&path) else { continue };
        for smaller in candidates(part, cut) {
            let mut candidate = value.clone();
            if let Some(place) = candidate.pointer_mut(&path) {
                *place = smaller;
            }
            let Ok(mut smaller) = serde_json::from_value::<Plan>(candidate) else { continue };
            mend(&mut smaller);
            // A list may really be a set, and a number may have a least value, so the plan as read
            // back is what counts.
            if smaller != *plan && smaller.check().is_ok() && fails(&smaller) {
                let Ok(new) = serde_json::to_value(&smaller) else { continue };
                (*plan, value) = (smaller, new);
                // Tries the same place again, because a list may have more to remove.
                number -= 1;
                break;
            }
        }
    }
}

/// Lets another signer propose a session whose coordinator was removed. Otherwise no coordinator
/// could ever be removed.
fn mend(plan: &mut Plan) {
    for session in &mut plan.sessions {
        if let Some(first) = session.signers.first()
            && !session.signers.contains(&session.coordinator)
        {
            session.coordinator = *first;
        }
    }
}

/// Returns what may replace a part, smallest first.
fn candidates(part: &Value, cut: Cut) -> Vec<Value> {
    match (cut, part) {
        (Cut::Lists, Value::Array(items)) => {
            let halves = [items.len() / 2, items.len() / 4];
            let chunks =
                halves.into_iter().chain([1]).filter(|&chunk| chunk > 0 && chunk <= items.len());
            chunks.flat_map(|chunk| without_each(items, chunk)).collect()
        }
        (Cut::Options, Value::Object(_) | Value::String(_) | Value::Number(_)) => vec![Value::Null],
        (Cut::Options, Value::Bool(true)) => vec![Value::Bool(false)],
        (Cut::Numbers, Value::Number(number)) => match number.as_u64() {
            Some(number @ 1..) => vec![0.into(), (number / 2).into(), (number - 1).into()],
            _ => number
                .as_i64()
                .filter(|&number| number < 0)
                .map(|number| (number / 2).into())
                .into_iter()
                .collect(),
        },
        _ => Vec::new(),
    }
}

/// Returns the list without each run of `chunk` items, starting from the end.
fn without_each(items: &[Value], chunk: usize) -> impl Iterator<Item = Value> + '_ {
    let starts = (0..items.len()).step_by(chunk).rev();
    starts.map(move |start| {
        let rest =
            items.iter().enumerate().filter(|(place, _)| !(start..start + chunk).contains(place));
        Value::Array(rest.map(|(_, item)| item.clone()).collect())
    })
}

/// Returns the path of the part with this number, counted from 0, outermost parts first.
fn nth_path(value: &Value, number: usize) -> Option<String> {
    let mut level = vec![(String::new(), value)];
    let mut seen = 0;
    while !level.is_empty() {
        let mut deeper = Vec::new();
        for (path, value) in level {
            if seen == number && !path.is_empty() {
                return Some(path);
            }
            seen += usize::from(!path.is_empty());
            match value {
                Value::Array(items) => {
                    deeper.extend(
                        items
                            .iter()
                            .enumerate()
                            .map(|(place, item)| (format!("{path}/{place}"), item)),
                    );
                }
                Value::Object(fields) => {
                    let fields = fields
                        .iter()
                        .filter(|(name, _)| !path.is_empty() || !KEPT.contains(&name.as_str()));
                    deeper.extend(fields.map(|(name, field)| (format!("{path}/{name}"), field)));
                }
                _ => {}
            }
        }
        level = deeper;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::NodeId;
    use crate::plan::{Profile, SessionPlan};
    use crate::time::Micros;

    #[test]
    fn shrinking_removes_what_does_not_matter_and_keeps_the_rest() {
        let carol = NodeId::new(2);
        let mut plan = Plan::drawn(5, Profile::Swarm);
        plan.nodes = Plan::new(5).nodes;
        plan.sessions = vec![SessionPlan::new(NodeId::first(5)); 3];
        let plan = plan
            .with_crash(carol, Micros::from_millis(80), Micros::from_secs(2))
            .with_crash(NodeId::new(4), Micros::from_secs(1), Micros::from_secs(2));
        let small = shrink(plan.clone(), 100_000, |plan| {
            plan.crashes.iter().any(|crash| crash.node == carol) && !plan.sessions.is_empty()
        });
        assert_eq!((small.nodes.len(), small.sessions.len(), small.crashes.len()), (3, 1, 1));
        assert_eq!((small.crashes[0].node, small.crashes[0].down_for), (carol, Micros::ZERO));
        assert_eq!(small.sessions[0].signers.len(), 1);
        assert_eq!(small.network.heals_at, None);
        assert_eq!((small.seed, small.time_limit), (plan.seed, plan.time_limit));
        assert!(small.check().is_ok());
    }

    #[test]
    fn no_more_plans_are_tried_than_allowed() {
        let mut tried = 0;
        shrink(Plan::drawn(5, Profile::Swarm), 7, |_| {
            tried += 1;
            true
        });
        assert_eq!(tried, 7);
    }
}
