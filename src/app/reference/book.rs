//! The HTTP API as pages print it, made from the same table as the OpenAPI document.

use serde_json::Value;

use super::fields::{Field, Group, Reader};
use super::openapi;
use super::prose::{Block, Span, blocks, spans};
use super::samples::{Body, Curl, laid_out};
use crate::app::problems;
use crate::platform::web::operation::{Content, Operation, Told};
use crate::platform::web::{Code, Entry};

const FORM: &str = "multipart/form-data";
/// How a machine client comes to its key.
const FIRST_STEPS: &str = "mediaport app add Gateway\nKEY=$(mediaport key add --app Gateway)";

/// Everything that the pages say.
pub(super) struct Book {
    /// Where the installation is reached.
    pub(super) server: String,
    pub(super) about: Vec<Block>,
    /// Commands from nothing to the first call.
    pub(super) first_steps: &'static str,
    pub(super) chapters: Vec<Chapter>,
    pub(super) refusals: Vec<Refusal>,
}

/// Calls about one thing.
pub(super) struct Chapter {
    pub(super) name: &'static str,
    pub(super) calls: Vec<CallView>,
}

/// One call.
pub(super) struct CallView {
    pub(super) name: &'static str,
    /// The method, and how it is written where there is little room.
    pub(super) method: String,
    pub(super) mark: String,
    /// The method in small letters: the class that colours it.
    pub(super) class: String,
    pub(super) path: &'static str,
    pub(super) summary: &'static str,
    pub(super) about: Vec<Block>,
    pub(super) who: Vec<Span>,
    pub(super) parameters: Vec<Parameter>,
    pub(super) bodies: Vec<BodyView>,
    pub(super) answers: Vec<AnswerView>,
    pub(super) refusals: Vec<Refusal>,
    pub(super) curl: String,
    /// Whether the answer is a file.
    pub(super) keeps_answer: bool,
}

/// Something beside the body.
pub(super) struct Parameter {
    /// `path`, `query` or `header`.
    pub(super) place: String,
    pub(super) field: Field,
    /// Whether it has to be there when the body is a file, because a form says it in a field.
    pub(super) goes_with_file: bool,
}

/// One kind of body.
pub(super) struct BodyView {
    pub(super) media_type: &'static str,
    /// `json`, `form` or `file`: what the page offers to fill in.
    pub(super) kind: &'static str,
    pub(super) groups: Vec<Group>,
    pub(super) example: String,
    pub(super) curl: String,
}

/// One way to answer.
pub(super) struct AnswerView {
    pub(super) status: u16,
    pub(super) about: Vec<Span>,
    /// Empty for no body.
    pub(super) media_type: &'static str,
    pub(super) groups: Vec<Group>,
    /// Empty when there is none.
    pub(super) example: String,
}

/// One way to refuse.
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) means: Vec<Span>,
}

impl Refusal {
    fn new(code: &Code) -> Self {
        Self { status: code.status.as_u16(), code: code.name, means: spans(code.means) }
    }
}

impl CallView {
    /// Gives the parameters of one place.
    pub(super) fn parameters_in(&self, place: &str) -> Vec<&Parameter> {
        self.parameters.iter().filter(|parameter| parameter.place == place).collect()
    }

    /// Tells whether everything in the query may be left out.
    pub(super) fn needs_no_query(&self) -> bool {
        self.parameters_in("query").iter().all(|parameter| !parameter.field.is_required)
    }
}

impl BodyView {
    /// Gives the height of the place where it is written, in lines.
    pub(super) fn rows(&self) -> usize {
        self.example.lines().count().clamp(4, 16)
    }

    /// Gives the fields that can be filled in one by one.
    pub(super) fn fields(&self) -> Vec<&Field> {
        let fields = self.groups.iter().flat_map(|group| &group.fields);
        fields.filter(|field| field.within.is_empty()).collect()
    }
}

impl Book {
    /// Writes the book of a table for an installation that is reached at `server`.
    pub(super) fn new(table: &[Entry], server: String) -> Self {
        let document = openapi::document(table, &server);
        let maker = Maker { document: &document, server: &server };
        let mut chapters: Vec<Chapter> = Vec::new();
        for entry in table {
            let Some(operation) = entry.operation else { continue };
            let call = maker.call(entry, operation);
            match chapters.iter_mut().find(|chapter| chapter.name == operation.chapter) {
                Some(chapter) => chapter.calls.push(call),
                None => chapters.push(Chapter { name: operation.chapter, calls: vec![call] }),
            }
        }
        let about = document["info"]["description"].as_str().unwrap_or_default();
        let refusals = problems::all().iter().map(Refusal::new).collect();
        Self { about: blocks(about), first_steps: FIRST_STEPS, chapters, refusals, server }
    }

    /// Finds a call by its name.
    pub(super) fn call(&self, name: &str) -> Option<&CallView> {
        self.chapters.iter().flat_map(|chapter| &chapter.calls).find(|call| call.name == name)
    }
}

struct Maker<'d> {
    document: &'d Value,
    server: &'d str,
}

impl Maker<'_> {
    fn reader(&self) -> Reader<'_> {
        Reader(&self.document["components"]["schemas"])
    }

    fn call(&self, entry: &Entry, operation: &'static Operation) -> CallView {
        let method = entry.method.as_str();
        let class = method.to_ascii_lowercase();
        let described = &self.document["paths"][entry.path][&class];
        let contents = &described["requestBody"]["content"];
        let parameters = self.parameters(&described["parameters"], &contents[FORM]["schema"]["required"]);
        let answers: Vec<AnswerView> = self.answers(operation, &described["responses"]);
        let keeps_answer = answers.iter().any(|answer| is_file(answer.media_type));
        let address = format!("{}{}", self.server, entry.path);
        let curl = |body: Body<'_>| {
            let query = needed(&parameters, matches!(body, Body::File(_)));
            Curl { method, address: &address, query, body, keeps_answer }.command()
        };
        let bodies = self.bodies(operation, contents, curl);
        CallView {
            name: operation.name,
            mark: if method == "DELETE" { "DEL" } else { method }.to_owned(),
            method: method.to_owned(),
            class,
            path: entry.path,
            summary: operation.summary,
            about: blocks(operation.about),
            who: spans(&openapi::who(entry.door)),
            keeps_answer,
            curl: bodies.first().map_or_else(|| curl(Body::None), |body| body.curl.clone()),
            parameters,
            bodies,
            answers,
            refusals: openapi::refusals(entry, operation).iter().map(Refusal::new).collect(),
        }
    }

    fn parameters(&self, described: &Value, in_form: &Value) -> Vec<Parameter> {
        let in_form = in_form.as_array().map(Vec::as_slice).unwrap_or_default();
        let parameter = |told: &Value| {
            let text = |name: &str| told[name].as_str().unwrap_or_default();
            let is_required = told["required"] == true;
            let mut field = self.reader().field(text("name"), &told["schema"], is_required);
            if !text("description").is_empty() {
                field.about = spans(text("description"));
            }
            let place = text("in").to_owned();
            let goes_with_file = place == "query" && in_form.iter().any(|name| *name == *field.name);
            Parameter { place, field, goes_with_file }
        };
        described.as_array().into_iter().flatten().map(parameter).collect()
    }

    fn bodies(
        &self,
        operation: &'static Operation,
        described: &Value,
        curl: impl Fn(Body<'_>) -> String,
    ) -> Vec<BodyView> {
        let body = |content: &'static Content| {
            let groups = self.reader().groups(&described[content.media_type]["schema"], content.example);
            let example = laid_out(content.example);
            let kind = match content.media_type {
                FORM => "form",
                _ if is_file(content.media_type) => "file",
                _ => "json",
            };
            let curl = curl(match kind {
                "form" => Body::Form(parts(&groups)),
                "file" => Body::File(content.media_type),
                _ => Body::Json(&example),
            });
            BodyView { media_type: content.media_type, kind, groups, curl, example }
        };
        operation.body.iter().map(body).collect()
    }

    fn answers(&self, operation: &'static Operation, described: &Value) -> Vec<AnswerView> {
        let answer = |told: &'static Told| {
            let (media_type, example) =
                told.content.as_ref().map_or(("", ""), |content| (content.media_type, content.example));
            let schema = &described[told.status.to_string()]["content"][media_type]["schema"];
            AnswerView {
                status: told.status,
                about: spans(told.about),
                media_type,
                groups: self.reader().groups(schema, example),
                example: laid_out(example),
            }
        };
        operation.answers.iter().map(answer).collect()
    }
}

/// What is no text of ours is shown as a file.
fn is_file(media_type: &str) -> bool {
    !media_type.is_empty() && !media_type.ends_with("json") && media_type != FORM
}

/// Gives the parameters of the query that a call cannot do without, with a value that it takes.
fn needed(parameters: &[Parameter], with_file: bool) -> Vec<(&str, &str)> {
    let needed = parameters.iter().filter(|parameter| {
        let is_needed = parameter.field.is_required || (with_file && parameter.goes_with_file);
        parameter.place == "query" && is_needed
    });
    needed.map(|parameter| (parameter.field.name.as_str(), sample(&parameter.field))).collect()
}

/// Gives the parts of a form that a call cannot do without.
fn parts(groups: &[Group]) -> Vec<(&str, &str)> {
    let fields = groups.iter().flat_map(|group| &group.fields);
    let needed = fields.filter(|field| field.within.is_empty() && field.is_required);
    needed.map(|field| (field.name.as_str(), sample(field))).collect()
}

fn sample(field: &Field) -> &str {
    match field.values.first() {
        Some(value) => value,
        None if field.kind == "file" => "@file",
        None => "…",
    }
}
