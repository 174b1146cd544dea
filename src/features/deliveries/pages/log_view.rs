//! The log as a page shows it: filters in its address, rows, and how far a search has looked.

use futures_util::FutureExt;
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use super::rows::{DeliveryRow, Drawing};
use crate::features::deliveries::log::{self, LogFilter, LogPage, Looked, Shown};
use crate::features::deliveries::model::DeliveryState;
use crate::features::endpoints::{EndpointId, EndpointSummary};
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx};
use crate::platform::web::pagination::{After, PAGE};
use crate::platform::web::{Failure, Visit};

/// As long as a file name may be; whoever looks for more has pasted something else.
const MOST_WORDS: usize = 255;

/// What the address asks for.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct LogParams {
    #[serde(default)]
    state: String,
    #[serde(default)]
    endpoint: String,
    #[serde(default)]
    q: String,
    after: Option<String>,
}

impl LogParams {
    /// Takes the parameters from a page that has others beside them.
    #[must_use]
    pub fn new(state: String, q: String, after: Option<String>) -> Self {
        Self { state, endpoint: String::new(), q, after }
    }

    /// Asks for one endpoint; an empty text is none.
    pub(super) fn of_endpoint(self, endpoint: String) -> Self {
        Self { endpoint, ..self }
    }

    /// Gives the place behind which the page begins.
    pub(super) fn after(&self) -> After {
        After { after: self.after.clone().filter(|after| !after.is_empty()) }
    }

    /// A filter that means nothing is an address that does not exist.
    pub(super) fn filter(&self) -> Result<LogFilter, Failure> {
        let given = (!self.endpoint.is_empty()).then(|| self.endpoint.parse());
        Ok(LogFilter {
            shown: Shown::read(&self.state).ok_or(Failure::NotFound)?,
            endpoint: given.transpose().map_err(|_| Failure::NotFound)?,
            // One engine takes no NUL in a text, and no name of ours has any control character.
            words: self.q.trim().chars().filter(|letter| !letter.is_control()).take(MOST_WORDS).collect(),
        })
    }
}

/// A link that narrows the log down to some states.
#[derive(Debug, Clone)]
pub struct StateChoice {
    /// The words on it.
    pub label: &'static str,
    /// Where it leads.
    pub href: String,
    /// Whether the log shows just these states.
    pub is_current: bool,
}

/// An endpoint to choose.
#[derive(Debug, Clone)]
pub struct EndpointChoice {
    /// Its identifier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it is chosen.
    pub is_current: bool,
}

/// The log as `deliveries/_log.html` shows it.
#[derive(Debug, Clone)]
pub struct LogView {
    /// The rows, the newest first.
    pub rows: Vec<DeliveryRow>,
    /// The choices of states.
    pub states: Vec<StateChoice>,
    /// The state in the address; empty for all.
    pub state: &'static str,
    /// The choices of endpoints; none on the page of one.
    pub endpoints: Vec<EndpointChoice>,
    /// The words that were looked for.
    pub q: String,
    /// The path that the search asks.
    pub path: String,
    /// Whether the log is a tab of an endpoint's page.
    pub is_tab: bool,
    /// Whether anything is left out.
    pub is_narrowed: bool,
    /// Leads to the log with nothing left out.
    pub clear: String,
    /// How far a search has looked; empty when there is nothing to say.
    pub looked: String,
    /// When the last delivery was accepted that a search has looked at, when there are more behind it.
    pub looked_back_to: Option<Timestamp>,
    /// Looks behind what has been looked at.
    pub further: Option<String>,
    /// Leads to the newest page.
    pub newer: Option<String>,
    /// Leads to the next page.
    pub older: Option<String>,
    /// Where the page hears of changes; only the newest page does.
    pub live: Option<String>,
}

/// Where a log lives.
#[derive(Debug, Clone, Copy)]
enum Home {
    /// At `/deliveries`.
    Everywhere,
    /// On the page of this endpoint.
    Endpoint(EndpointId),
}

impl Home {
    fn path(self) -> String {
        match self {
            Self::Everywhere => "/deliveries".to_owned(),
            Self::Endpoint(id) => format!("/endpoints/{id}"),
        }
    }

    /// Gives the address of the log with this filter, from this place on.
    fn address(self, filter: &LogFilter, after: Option<&str>) -> String {
        let mut query = Serializer::new(String::new());
        let mut add = |name: &str, value: &str| {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        };
        match (self, filter.endpoint) {
            (Self::Endpoint(_), _) => add("tab", "deliveries"),
            (Self::Everywhere, endpoint) => add("endpoint", &endpoint.map(String::from).unwrap_or_default()),
        }
        add("state", filter.shown.word());
        add("q", &filter.words);
        add("after", after.unwrap_or_default());
        let query = query.finish();
        if query.is_empty() { self.path() } else { format!("{}?{query}", self.path()) }
    }
}

/// What a page of the log is made of, read from the database.
pub(super) struct LogFacts {
    filter: LogFilter,
    after: Option<String>,
    found: LogPage,
}

/// Reads the page that the parameters ask for.
pub(super) async fn read(tx: &mut Tx, filter: LogFilter, after: After, behind: String) -> DbResult<LogFacts> {
    let found = log::read(tx, &filter, &behind, PAGE).await?;
    Ok(LogFacts { filter, after: after.after, found })
}

impl LogView {
    /// Reads the log of one endpoint, for its own page.
    pub async fn of_endpoint(visit: &Visit, id: EndpointId, params: &LogParams) -> Result<Self, Failure> {
        let filter = LogFilter { endpoint: Some(id), ..params.filter()? };
        let after = params.after();
        let (behind, drawing) = (after.behind()?, Drawing::of(visit));
        let facts = visit.read(move |tx| read(tx, filter, after, behind).boxed()).await?;
        Ok(Self::new(Home::Endpoint(id), facts, &[], &drawing))
    }

    /// Makes the log of all endpoints.
    pub(super) fn everywhere(facts: LogFacts, endpoints: &[EndpointSummary], drawing: &Drawing) -> Self {
        Self::new(Home::Everywhere, facts, endpoints, drawing)
    }

    fn new(home: Home, facts: LogFacts, endpoints: &[EndpointSummary], drawing: &Drawing) -> Self {
        let LogFacts { filter, after, found } = facts;
        let unfiltered = LogFilter::default();
        let is_first = after.is_none();
        let next = found.page.next.map(|next| home.address(&filter, Some(&next)));
        let (looked, looked_back_to) = told(found.looked, &filter);
        // A page that is not full goes on where the search stopped looking.
        let (older, further) = if looked_back_to.is_some() { (None, next) } else { (next, None) };
        Self {
            states: states(home, &filter),
            state: filter.shown.word(),
            endpoints: endpoint_choices(endpoints, filter.endpoint),
            path: home.path(),
            is_tab: matches!(home, Home::Endpoint(_)),
            is_narrowed: !filter.words.is_empty()
                || filter.shown != Shown::All
                || (filter.endpoint.is_some() && matches!(home, Home::Everywhere)),
            clear: home.address(&unfiltered, None),
            // Pages go back in time only; from any of them one step leads to the newest.
            newer: (!is_first).then(|| home.address(&filter, None)),
            live: is_first.then(|| live_address(&filter, drawing.now)),
            rows: found
                .page
                .rows
                .into_iter()
                .map(|listed| DeliveryRow::new(listed, drawing.now, drawing.may_edit))
                .collect(),
            q: filter.words,
            looked,
            looked_back_to,
            further,
            older,
        }
    }
}

/// Gives the address of the stream that belongs to a page which was drawn at this instant.
fn live_address(filter: &LogFilter, now: Timestamp) -> String {
    let address = Home::Everywhere.address(filter, None);
    let mark = if address.contains('?') { '&' } else { '?' };
    format!("{}{mark}since={}", address.replacen("/deliveries", "/deliveries/live", 1), now.millis())
}

/// Says how a search went, and how far back it has looked when there is more.
fn told(looked: Option<Looked>, filter: &LogFilter) -> (String, Option<Timestamp>) {
    match looked {
        Some(Looked::Straight) => (format!("Found by its name: {}", filter.words), None),
        None | Some(Looked::AtAll(_)) => (String::new(), None),
        Some(Looked::BackTo(count, at)) => {
            (format!("Looked through {} deliveries", grouped(count)), Some(at))
        }
    }
}

/// Says a number with its thousands apart.
fn grouped(number: usize) -> String {
    if number < 1000 { number.to_string() } else { format!("{},{:03}", number / 1000, number % 1000) }
}

fn states(home: Home, filter: &LogFilter) -> Vec<StateChoice> {
    use DeliveryState::{Cancelled, Delivered, Held, Queued, Retrying, Sending, Verifying};
    let current = match filter.shown {
        Shown::Only(Queued | Sending | Verifying | Retrying) => Shown::Waiting,
        shown => shown,
    };
    [
        ("All", Shown::All),
        ("Needs attention", Shown::Only(Held)),
        ("Waiting", Shown::Waiting),
        ("Delivered", Shown::Only(Delivered)),
        ("Cancelled", Shown::Only(Cancelled)),
    ]
    .into_iter()
    .map(|(label, shown)| StateChoice {
        label,
        href: home.address(&LogFilter { shown, ..filter.clone() }, None),
        is_current: current == shown,
    })
    .collect()
}

fn endpoint_choices(endpoints: &[EndpointSummary], current: Option<EndpointId>) -> Vec<EndpointChoice> {
    let choice = |endpoint: &EndpointSummary| EndpointChoice {
        id: endpoint.id.to_string(),
        name: endpoint.name.clone(),
        is_current: current == Some(endpoint.id),
    };
    let mut choices: Vec<_> = endpoints.iter().map(choice).collect();
    if let Some(gone) = current.filter(|current| endpoints.iter().all(|endpoint| endpoint.id != *current)) {
        let name = "An endpoint that is gone".to_owned();
        choices.push(EndpointChoice { id: gone.to_string(), name, is_current: true });
    }
    choices
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_say_only_what_is_chosen_and_survive_any_words() {
        let id: EndpointId = "01920000-0000-7000-8000-000000000001".parse().expect("an id");
        let all = LogFilter::default();
        let some = LogFilter { shown: Shown::Waiting, endpoint: Some(id), words: "a&b=ü 7".to_owned() };

        assert_eq!(Home::Everywhere.address(&all, None), "/deliveries");
        assert_eq!(
            Home::Everywhere.address(&some, Some("x")),
            format!("/deliveries?endpoint={id}&state=waiting&q=a%26b%3D%C3%BC+7&after=x")
        );
        assert_eq!(
            Home::Endpoint(id).address(&some, None),
            format!("/endpoints/{id}?tab=deliveries&state=waiting&q=a%26b%3D%C3%BC+7")
        );
        assert_eq!(live_address(&all, Timestamp::from_millis(7)), "/deliveries/live?since=7");
    }

    #[test]
    fn filters_that_mean_nothing_are_no_address_and_words_are_cleaned() {
        let params = |state: &str, endpoint: &str, q: &str| LogParams {
            state: state.to_owned(),
            endpoint: endpoint.to_owned(),
            q: q.to_owned(),
            after: None,
        };
        assert!(params("lost", "", "").filter().is_err() && params("", "7", "").filter().is_err());
        let filter = params("held", "", " call\0 88213\n").filter().expect("a filter");
        assert_eq!((filter.shown, filter.words.as_str()), (Shown::Only(DeliveryState::Held), "call 88213"));
        assert_eq!(grouped(5_000), "5,000");
    }
}
