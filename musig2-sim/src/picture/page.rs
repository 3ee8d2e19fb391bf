//! The page around the data.

use super::data::Data;

const HTML: &str = include_str!("page/picture.html");
const STYLE: &str = include_str!("page/picture.css");
/// The order matters: each script uses what earlier ones define.
const SCRIPTS: [&str; 6] = [
    include_str!("page/run.js"),
    include_str!("page/layout.js"),
    include_str!("page/draw.js"),
    include_str!("page/details.js"),
    include_str!("page/filters.js"),
    include_str!("page/main.js"),
];

pub(super) fn render(data: &Data) -> String {
    // The data has no maps, and nothing else in it can fail to become JSON.
    let json = serde_json::to_string(data).unwrap_or_default();
    let script = SCRIPTS.concat();
    let parts = [("STYLE", STYLE), ("SCRIPT", &script), ("DATA", &escape(&json))];
    let mut page = String::with_capacity(HTML.len() + STYLE.len() + script.len() + json.len());
    let mut rest = HTML;
    // Each mark occurs once, in the page's order. Text that was filled in is never searched for
    // marks, because a peer may have written it.
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}") else { break };
        page.push_str(before);
        page.extend(parts.iter().filter(|(part, _)| *part == name).map(|(_, content)| *content));
        rest = after;
    }
    page + rest
}

/// Escapes JSON so that it cannot close the element that it is in. It contains text that peers
/// wrote.
fn escape(json: &str) -> String {
    json.replace('<', "\\u003c")
}
