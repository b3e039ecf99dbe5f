//! The verdict as one HTML document: no script, nothing from elsewhere, every value escaped.

use std::fmt::{self, Write as _};

use prism_core::card::{Card, Mood, Text};

use super::Verdict;
use crate::finding::{Finding, Stage};
use crate::x509::time_text;

/// Colours for light and dark; the page names no other file.
const STYLE: &str = ":root{color-scheme:light dark;--ink:#1b1f24;--soft:#59636e;--paper:#fff;--line:#d1d9e0;--good:#116329;\
--bad:#a40e26;--loud:#7d4e00}@media(prefers-color-scheme:dark){:root{--ink:#f0f6fc;--soft:#9198a1;--paper:#0d1117;\
--line:#3d444d;--good:#3fb950;--bad:#ff7b72;--loud:#e3b341}}body{margin:0;padding:1rem;background:var(--paper);\
color:var(--ink);font:15px/1.5 system-ui,sans-serif}main{max-width:60rem;margin:auto;border:1px solid var(--line);\
border-radius:8px;padding:1rem 1.5rem}h1{margin:0;text-transform:uppercase;font-size:1.5rem}h2{font-size:1rem;\
margin:1.5rem 0 .25rem;text-transform:capitalize}.good{color:var(--good)}.bad{color:var(--bad)}.loud{color:var(--loud);\
border:2px solid;border-radius:4px;padding:.25rem .5rem;font-weight:700}dl{display:grid;\
grid-template-columns:max-content 1fr;gap:.15rem 1rem}dt,th{color:var(--soft);font-weight:400}dd{margin:0}dd,td{\
overflow-wrap:anywhere}table{border-collapse:collapse;width:100%;font-size:.85rem;table-layout:fixed}th,td{\
text-align:left;vertical-align:top;padding:.25rem .5rem .25rem 0;border-top:1px solid var(--line)}th.mark{width:3rem}\
th.code{width:14rem}";

impl Verdict {
    /// The verdict as one HTML document for people: styled by itself in light and dark, without a script and without a
    /// reference to anything elsewhere. It is also well-formed XML.
    #[must_use]
    pub fn to_html(&self) -> String {
        let mut page = String::with_capacity(16 * 1024);
        // Writing into a String cannot fail; a value that cannot be shown is shown as far as it goes.
        let _ = self.write_page(&mut page);
        page
    }

    /// The verdict as a card among others in a notebook: the same facts, first what is not met.
    #[must_use]
    pub fn card(&self) -> Card {
        let good = self.is_good();
        let unmet = self.findings.unmet().count();
        let title =
            format!("{}: {} of {} conditions met", self.word(good), self.findings.len() - unmet, self.findings.len());
        let card = Card::new(title, if good { Mood::Good } else { Mood::Bad }).simulated(self.is_simulated());
        let card = self.summary().into_iter().fold(card, |card, (name, value)| card.row(name, value));
        self.findings.iter().fold(card, |card, Finding { check, ok, expected, found, .. }| {
            let said = if ok { found.to_string() } else { format!("expected {expected}, found {found}") };
            card.check(ok, check.to_string(), said)
        })
    }

    fn write_page(&self, page: &mut String) -> fmt::Result {
        let good = self.is_good();
        let word = self.word(good);
        write!(page, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>")?;
        write!(page, "<meta name=\"viewport\" content=\"width=device-width\"/><title>{}: {}</title>", Text(word), {
            Text(self.platform)
        })?;
        writeln!(page, "<style>{STYLE}</style></head><body><main>")?;
        writeln!(page, "<h1 class=\"{}\">{}</h1>", if good { "good" } else { "bad" }, Text(word))?;
        if self.is_simulated() {
            writeln!(page, "<p class=\"loud\">SIMULATED, NOT A TEE: this machine protects nothing.</p>")?;
        }
        if let Some(refusal) = self.refusal() {
            let Finding { check, expected, found, .. } = refusal;
            let (expected, found) = (Text(expected), Text(found));
            writeln!(page, "<p class=\"bad\"><code>{check}</code>: expected {expected}, found {found}</p>")?;
        }
        self.write_summary(page)?;
        for stage in Stage::ALL {
            self.write_stage(*stage, page)?;
        }
        let unmet = self.findings.unmet().count();
        let met = self.findings.len() - unmet;
        writeln!(page, "<p>{met} of {} conditions met.</p>\n</main></body></html>", self.findings.len())
    }

    fn write_summary(&self, page: &mut String) -> fmt::Result {
        page.push_str("<dl>");
        for (name, value) in self.summary() {
            writeln!(page, "<dt>{name}</dt><dd>{}</dd>", Text(value))?;
        }
        page.push_str("</dl>\n");
        Ok(())
    }

    /// What the machine is, in a fixed order.
    fn summary(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![("platform", self.platform.to_string())];
        if let Some(claims) = self.claims() {
            rows.push(("assurance", claims.assurance().to_string()));
            if let Some(snp) = claims.facts.snp() {
                rows.push(("product", snp.product().to_string()));
                rows.push(("measurement", snp.measurement().to_string()));
            }
            if let Some(tdx) = claims.facts.tdx() {
                rows.push(("status", tdx.tcb().status.to_string()));
                rows.push(("measurement", tdx.mrtd().to_string()));
            }
            if let Some(vtpm) = claims.facts.vtpm() {
                rows.push(("virtual machine", vtpm.vm().id.clone()));
            }
            rows.push(("valid", self.window().unwrap_or(claims.window()).to_string()));
        }
        rows.push(("bound to", self.binding().to_string()));
        rows.extend(self.profile().map(|profile| ("policy profile", profile.to_string())));
        rows.push(("evidence", self.evidence.to_string()));
        rows.push(("judged at", time_text(self.now).to_string()));
        rows
    }

    fn write_stage(&self, stage: Stage, page: &mut String) -> fmt::Result {
        let mut findings = self.findings.iter().filter(|finding| finding.check.stage() == stage).peekable();
        if findings.peek().is_none() {
            return Ok(());
        }
        writeln!(page, "<h2>{stage}</h2>\n<table><tr><th class=\"mark\">met</th><th class=\"code\">condition</th>")?;
        writeln!(page, "<th>expected</th><th>found</th></tr>")?;
        for Finding { check, ok, expected, found, .. } in findings {
            let (class, mark) = if ok { ("good", "yes") } else { ("bad", "NO") };
            let (expected, found) = (Text(expected), Text(found));
            write!(page, "<tr><td class=\"{class}\">{mark}</td><td><code>{check}</code></td>")?;
            writeln!(page, "<td>{expected}</td><td>{found}</td></tr>")?;
        }
        page.push_str("</table>\n");
        Ok(())
    }

    /// The number of the policy's profile that holds, counted from 0.
    fn profile(&self) -> Option<usize> {
        let mut held = self.findings.iter().filter_map(|finding| finding.profile);
        held.next().filter(|_| self.wanted)
    }
}

#[cfg(test)]
mod tests;
