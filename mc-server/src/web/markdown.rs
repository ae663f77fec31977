//! Markdown as HTML that can do no harm: what others wrote is shown, and nothing in it runs, loads or looks like ours.
//!
//! HTML in the text is shown as text. Only links to the web and to mail addresses are links, and say nothing of where they
//! come from. Images are links too: to load one would tell its server who reads the page.

use pulldown_cmark::{Alignment, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html::push_html};

/// What a link may begin with.
const SCHEMES: [&str; 3] = ["http://", "https://", "mailto:"];

/// The HTML of a Markdown text; every heading of it is below those of the page.
pub(super) fn html(text: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut links = Links::default();
    let events = Parser::new_ext(text, options).map(|event| links.harmless(event));
    let mut html = String::with_capacity(text.len() + text.len() / 2);
    push_html(&mut html, events);
    html
}

/// The links that are open, the innermost last: whether each is shown as one.
#[derive(Default)]
struct Links(Vec<bool>);

impl Links {
    fn harmless<'a>(&mut self, event: Event<'a>) -> Event<'a> {
        match event {
            Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
            Event::SoftBreak => Event::HardBreak,
            Event::TaskListMarker(done) => Event::Text(if done { "☑ " } else { "☐ " }.into()),
            Event::Start(Tag::Link { dest_url, .. }) => self.open(&dest_url, ""),
            Event::Start(Tag::Image { dest_url, .. }) => self.open(&dest_url, "Image: "),
            Event::End(TagEnd::Link | TagEnd::Image) => match self.0.pop() {
                Some(true) => Event::InlineHtml("</a>".into()),
                Some(false) | None => Event::Text("".into()),
            },
            Event::Start(Tag::Heading { level, .. }) => {
                Event::Start(Tag::Heading { level: lower(level), id: None, classes: vec![], attrs: vec![] })
            }
            Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(lower(level))),
            // Alignment would be an inline style, which the page's policy forbids.
            Event::Start(Tag::Table(columns)) => {
                Event::Start(Tag::Table(vec![Alignment::None; columns.len()]))
            }
            event => event,
        }
    }

    /// A link, unless it leads to where none may, or is inside another one.
    fn open<'a>(&mut self, address: &str, before: &str) -> Event<'a> {
        let begins = |scheme: &&str| {
            address.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        };
        let is_shown = SCHEMES.iter().any(begins) && !self.0.contains(&true);
        self.0.push(is_shown);
        match is_shown {
            true => {
                let address = escaped(address);
                Event::InlineHtml(
                    format!("<a href=\"{address}\" rel=\"noopener noreferrer nofollow\">{before}").into(),
                )
            }
            false => Event::Text(before.to_owned().into()),
        }
    }
}

/// Two levels below what the text says: the page has the first two.
fn lower(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H3,
        HeadingLevel::H2 => HeadingLevel::H4,
        HeadingLevel::H3 => HeadingLevel::H5,
        HeadingLevel::H4 | HeadingLevel::H5 | HeadingLevel::H6 => HeadingLevel::H6,
    }
}

/// A text as the value of an attribute.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_html_below_the_headings_of_the_page() {
        let shown = html("# Prices\n\n- **two**\n- [x] done\n\n|a|b|\n|:-:|--|\n|1|2|\n");
        assert!(shown.contains("<h3>Prices</h3>"), "{shown}");
        assert!(shown.contains("<strong>two</strong>") && shown.contains("☑ done"), "{shown}");
        assert!(shown.contains("<td>1</td>") && !shown.contains("style"), "{shown}");
    }

    #[test]
    fn html_is_shown_as_text() {
        for text in [
            "<script>alert(1)</script>",
            "a <img src=x onerror=alert(1)> b",
            "<div onclick=\"x()\">\n\ntext\n\n</div>",
            "```html\n<script>alert(1)</script>\n```",
            "`<script>`",
            "<!-- <script>alert(1)</script> -->",
            "<![CDATA[<script>alert(1)</script>]]>",
            "|<script>|\n|-|\n|<img src=x>|",
        ] {
            let shown = html(text).to_lowercase();
            for tag in ["<script", "<img", "<div onclick", "<!--", "<![cdata"] {
                assert!(!shown.contains(tag), "{text}: {shown}");
            }
        }
    }

    #[test]
    fn only_addresses_of_the_web_and_of_mail_are_links() {
        let rel = "rel=\"noopener noreferrer nofollow\"";
        for address in
            ["https://a.example/x?b=1", "http://a.example", "mailto:a@b.example", "HTTPS://a.example"]
        {
            let shown = html(&format!("[here]({address})"));
            assert_eq!(shown.trim(), format!("<p><a href=\"{address}\" {rel}>here</a></p>"));
        }
        for address in [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "java&#x73;cript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "//evil.example",
            "/logout",
            "x",
        ] {
            assert_eq!(html(&format!("[here]({address})")).trim(), "<p>here</p>", "{address}");
        }
        let quoted = html("[x](<https://a.example/\"onmouseover=\"alert(1)>)");
        assert!(!quoted.contains("\"onmouseover"), "{quoted}");
        let titled = html("[x](https://a.example \"\\\" onclick=x\")");
        assert!(!titled.contains("onclick"), "{titled}");
    }

    #[test]
    fn images_are_links_and_never_inside_one() {
        let shown = html("![a chart](https://a.example/c.png)");
        assert!(shown.contains("\">Image: a chart</a>") && !shown.contains("<img"), "{shown}");
        let nested = html("[![a chart](https://a.example/c.png)](https://b.example)");
        assert_eq!(nested.matches("<a ").count(), 1, "{nested}");
        assert_eq!(nested.matches("</a>").count(), 1, "{nested}");
    }
}
