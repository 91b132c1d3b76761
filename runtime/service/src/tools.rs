//! A service of tools: what an embedder's functions are called, what they take, and what they do, as the document that any
//! other service has. It must never offer a function under a name or a schema that a service could not have.

use crate::{
    offer::{Document, DocumentError, Service, Target, Terms},
    text::line,
    tool::{Tool, ToolError},
};
use sandgate_policy::{
    Effect, METHOD_NAME, Principal, SERVICE_NAME, is_method_name, is_service_name,
};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::Arc};

/// The methods of one service, until it is made.
///
/// ```
/// use sandgate_policy::Effect;
/// use sandgate_service::Tools;
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Stock {
///     /// What the shelf is called.
///     shelf: String,
/// }
///
/// let tools = Tools::new("store", "What is on the shelves.").tool(
///     "shelf.count",
///     "How many things are on a shelf.",
///     Effect::Read,
///     async |Stock { shelf }| Ok(shelf.len()),
/// );
/// assert_eq!(
///     tools.into_service()?.method("shelf.count").map(|method| method.signature()),
///     Some("store.shelf_count(shelf: str) -> int".to_owned()),
/// );
/// # Ok::<(), sandgate_service::ToolsError>(())
/// ```
#[derive(Debug)]
pub struct Tools {
    service: String,
    summary: String,
    schemas: SchemaGenerator,
    methods: Vec<Value>,
    tools: BTreeMap<String, (Effect, Arc<Tool>)>,
    problem: Option<ToolsError>,
}

/// Why no service can be made of tools.
#[derive(Debug, thiserror::Error)]
pub enum ToolsError {
    /// The service's name.
    #[error("`{0}` cannot name a service: {SERVICE_NAME}")]
    Service(String),
    /// A tool's name.
    #[error("`{0}` cannot name a tool: {METHOD_NAME}")]
    Name(String),
    /// Two tools of one name.
    #[error("a second tool is called `{0}`")]
    Twice(String),
    /// What it takes is not parameters by name.
    #[error("the parameters of `{0}` are not a struct with named fields, nor `()`")]
    Parameters(String),
    /// Something of its schema cannot be offered to scripts.
    #[error("`{name}` cannot be offered: {reason}")]
    LeftOut {
        /// Which tool.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// The document that was made of them.
    #[error(transparent)]
    Document(#[from] DocumentError),
}

impl Tools {
    /// No tools yet. The summary is one line that a model reads of the service.
    #[must_use]
    pub fn new(service: &str, summary: &str) -> Self {
        let settings = SchemaSettings::draft07().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        Self {
            service: service.to_owned(),
            summary: summary.to_owned(),
            schemas: settings.into_generator(),
            methods: Vec::new(),
            tools: BTreeMap::new(),
            problem: None,
        }
    }

    /// Adds a function. Its parameters are the fields of `P`, whose schema is derived; what it returns is any value that
    /// has a schema. What calling it does is up to whoever adds it: policies are about that, and not about its name. It is
    /// called on the thread that drives the script and, as any async function, must not hold it: deadlines wait.
    #[must_use]
    pub fn tool<P, R, F, A>(self, name: &str, summary: &str, effect: Effect, function: F) -> Self
    where
        P: DeserializeOwned + JsonSchema,
        R: Serialize + JsonSchema,
        F: Fn(P) -> A + Send + Sync + 'static,
        A: Future<Output = Result<R, ToolError>> + Send + 'static,
    {
        self.tool_for(name, summary, effect, move |_, params| function(params))
    }

    /// The same for a function that has to know on whose behalf it is called.
    #[must_use]
    pub fn tool_for<P, R, F, A>(
        mut self,
        name: &str,
        summary: &str,
        effect: Effect,
        function: F,
    ) -> Self
    where
        P: DeserializeOwned + JsonSchema,
        R: Serialize + JsonSchema,
        F: Fn(Arc<Principal>, P) -> A + Send + Sync + 'static,
        A: Future<Output = Result<R, ToolError>> + Send + 'static,
    {
        let params = P::json_schema(&mut self.schemas).to_value();
        let result = self.schemas.subschema_for::<R>().to_value();
        self.add(name, summary, effect, &params, result, function)
    }

    /// The same for a function whose parameters are described by a JSON Schema of an object that is given, and that
    /// takes them as JSON.
    #[must_use]
    pub fn tool_given<F, A>(
        self,
        name: &str,
        summary: &str,
        effect: Effect,
        schema: &Value,
        function: F,
    ) -> Self
    where
        F: Fn(Arc<Principal>, Map<String, Value>) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Value, ToolError>> + Send + 'static,
    {
        self.add(name, summary, effect, schema, json!({}), function)
    }

    fn add<P, R, F, A>(
        mut self,
        name: &str,
        summary: &str,
        effect: Effect,
        params: &Value,
        result: Value,
        function: F,
    ) -> Self
    where
        P: DeserializeOwned,
        R: Serialize,
        F: Fn(Arc<Principal>, P) -> A + Send + Sync + 'static,
        A: Future<Output = Result<R, ToolError>> + Send + 'static,
    {
        match parameters(name, params) {
            Ok(parameters) => {
                let nothing = parameters.is_empty();
                self.methods.push(json!({
                    "name": name,
                    "summary": summary,
                    "paramStructure": "by-name",
                    "params": parameters,
                    "result": {"name": "result", "schema": result},
                }));
                let tool = Arc::new(Tool::new(function, nothing));
                if self.tools.insert(name.to_owned(), (effect, tool)).is_some() {
                    self.problem
                        .get_or_insert(ToolsError::Twice(line(name, 80)));
                }
            }
            Err(error) => {
                self.problem.get_or_insert(error);
            }
        }
        self
    }

    /// The service that scripts import, or what is wrong with the first tool that something is wrong with.
    pub fn into_service(mut self) -> Result<Service, ToolsError> {
        if !is_service_name(&self.service) {
            return Err(ToolsError::Service(line(&self.service, 80)));
        }
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        let document = json!({
            "openrpc": "1.3.2",
            "info": {"title": self.summary, "version": "1"},
            "methods": self.methods,
            "components": {"schemas": self.schemas.take_definitions(true)},
        });
        let document = Document::read(document.to_string().as_bytes())?;
        if let Some(left_out) = document.left_out.first() {
            return Err(ToolsError::LeftOut {
                name: left_out.name.clone(),
                reason: left_out.reason,
            });
        }
        let effects = self.tools.iter();
        let terms = Terms {
            effects: effects
                .map(|(name, (effect, _))| (name.clone(), *effect))
                .collect(),
            ..Terms::default()
        };
        Ok(Service::of(&self.service, document, &terms, |method| {
            let (_, tool) = self.tools.get(method)?;
            Some(Target::Tool(Arc::clone(tool)))
        }))
    }
}

/// The parameters that a schema of an object describes, as a document writes them.
fn parameters(name: &str, schema: &Value) -> Result<Vec<Value>, ToolsError> {
    if !is_method_name(name) {
        return Err(ToolsError::Name(line(name, 80)));
    }
    let unusable = || ToolsError::Parameters(name.to_owned());
    let kind = schema.get("type").and_then(Value::as_str);
    let properties = match (kind, schema.get("properties")) {
        (Some("null"), None) => return Ok(Vec::new()),
        (Some("object"), None) => return Ok(Vec::new()),
        (Some("object"), Some(properties)) => properties.as_object().ok_or_else(unusable)?,
        _ => return Err(unusable()),
    };
    let required = schema.get("required").and_then(Value::as_array);
    let is_required =
        |name: &str| required.is_some_and(|all| all.iter().any(|one| one.as_str() == Some(name)));
    let parameter = |(name, schema): (&String, &Value)| {
        json!({
            "name": name,
            "required": is_required(name),
            "summary": schema.get("description"),
            "schema": schema,
        })
    };
    Ok(properties.iter().map(parameter).collect())
}
