//! Learner cards on paper: one page of HTML that needs nothing from anywhere.

use super::{card::LearnerCard, types::LearnerView};

const HEAD: &str = "<!doctype html>\n<meta charset=\"utf-8\">\n<title>Pishtar</title>\n<style>\n\
@page { margin: 12mm }\n\
body { font: 11pt/1.3 system-ui, sans-serif; margin: 0; display: flex; flex-wrap: wrap; gap: 6mm }\n\
article { box-sizing: border-box; width: 86mm; padding: 4mm; border: 1px dashed #777; border-radius: 3mm; display: flex; gap: 4mm; break-inside: avoid }\n\
svg { width: 34mm; height: 34mm; flex: none }\n\
h1 { font-size: 13pt; margin: 0 0 1mm; overflow-wrap: anywhere }\n\
p { margin: 0 0 1mm; overflow-wrap: anywhere }\n\
code { font-size: 6.5pt; overflow-wrap: anywhere }\n\
</style>\n";

/// The page; cards are cut out along the dashes.
pub(super) fn page(cards: &[(LearnerView, LearnerCard)]) -> String {
    let mut page = HEAD.to_owned();
    for (learner, card) in cards {
        let registration = &learner.registration;
        let login = learner.login.as_ref().map_or("", |login| login.as_str());
        page.push_str(&format!(
            "<article>{}<div><h1>{}</h1><p>{} · {}</p><p>{}</p><p>№ {}</p><code>{}</code></div></article>\n",
            card.svg(),
            escaped(&registration.full_name()),
            escaped(registration.class.as_str()),
            escaped(registration.school.as_str()),
            escaped(login),
            card.number,
            escaped(&card.typed()),
        ));
    }
    page
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
    out
}
