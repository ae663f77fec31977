//! The type of a task, which agents accept or not and budgets are set for.

use crate::{money::Usd, values::string_enum};

string_enum! {
    /// What kind of work a task is; agents accept some types or all.
    TaskType {
        /// Texts for readers: articles, pages, stories.
        Content = "content",
        /// Posts on social media.
        Social = "social",
        /// Campaigns and newsletters by e-mail.
        EmailMarketing = "email_marketing",
        /// Research on customers, markets and competitors.
        CustomerResearch = "customer_research",
        /// Research on what people search for, and how they find it.
        SeoResearch = "seo_research",
        /// Code, its tests and its reviews.
        Engineering = "engineering",
        /// Documentation of what exists.
        Docs = "docs",
        /// Operations: what keeps things running.
        Ops = "ops",
    }
}

impl TaskType {
    /// What a task of this type may cost when nobody says otherwise.
    pub const fn default_budget(self) -> Usd {
        match self {
            Self::Content => Usd::cents(600),
            Self::Social => Usd::cents(200),
            Self::EmailMarketing => Usd::cents(400),
            Self::CustomerResearch => Usd::cents(500),
            Self::SeoResearch => Usd::cents(400),
            Self::Engineering => Usd::cents(800),
            Self::Docs | Self::Ops => Usd::cents(300),
        }
    }
}
