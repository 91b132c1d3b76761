//! One context's contacts, companies and deals, and what can be done with them. One SQLite database, in memory or in a
//! file. Called by `crm` with the method and parameters of a call.

#![expect(
    clippy::disallowed_methods,
    reason = "a demonstration may be given a file for its data"
)]

use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use std::{collections::HashMap, path::Path, sync::LazyLock};

/// Made once in each database; the rows are what a demonstration needs.
const SCHEMA: &str = "
BEGIN;
CREATE TABLE company (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL);
CREATE TABLE contact (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, email TEXT,
    company_id INTEGER REFERENCES company (id));
CREATE TABLE deal (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL, amount REAL NOT NULL,
    stage TEXT NOT NULL DEFAULT 'open', contact_id INTEGER NOT NULL REFERENCES contact (id));
INSERT INTO company (name) VALUES ('Nordlicht Solar'), ('Atelier Fournier'), ('Kestrel Logistics');
INSERT INTO contact (name, email, company_id) VALUES
    ('Amara Okafor', 'amara@nordlicht.example', 1),
    ('Benoît Fournier', 'benoit@fournier.example', 2),
    ('Chiara Rossi', 'chiara@kestrel.example', 3),
    ('Daniel Weiss', 'daniel@nordlicht.example', 1),
    ('Elif Yılmaz', 'elif@kestrel.example', 3),
    ('Farid Haddad', NULL, NULL),
    ('Greta Lindqvist', 'greta@lindqvist.example', NULL);
INSERT INTO deal (title, amount, stage, contact_id) VALUES
    ('Panels for the depot', 48500, 'open', 1),
    ('Maintenance, two years', 7200, 'won', 4),
    ('Redesign of the showroom', 18900.5, 'open', 2),
    ('Cold chain to Izmir', 31000, 'open', 5),
    ('Pallet scanners', 5400, 'lost', 3);
COMMIT;
";

const CONTACT: &str = "SELECT id, name, email, company_id FROM contact";
const COMPANY: &str = "SELECT id, name FROM company";
const DEAL: &str = "SELECT id, title, amount, stage, contact_id FROM deal";

/// Names of parameters by method, in the order of the document: what a list of parameters means.
static PARAMETERS: LazyLock<HashMap<String, Vec<String>>> = LazyLock::new(|| {
    #[derive(Deserialize)]
    struct Document {
        methods: Vec<Named<Vec<Named<()>>>>,
    }
    #[derive(Deserialize)]
    struct Named<P> {
        name: String,
        #[serde(default)]
        params: P,
    }
    let document: Option<Document> = serde_json::from_str(super::DOCUMENT).ok();
    let methods = document
        .map(|document| document.methods)
        .unwrap_or_default();
    methods
        .into_iter()
        .map(|method| {
            let names = method.params.into_iter().map(|parameter| parameter.name);
            (method.name, names.collect())
        })
        .collect()
});

/// Why a call failed, as JSON-RPC says it.
#[derive(Debug, Serialize)]
pub(super) struct Fault {
    code: i32,
    message: String,
}

/// One context's data.
#[derive(Debug)]
pub(super) struct Store {
    database: Connection,
}

type Answer = Result<Value, Fault>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Id {
    id: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    #[serde(default = "twenty")]
    limit: u32,
    #[serde(default)]
    offset: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    query: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewContact {
    name: String,
    email: Option<String>,
    company_id: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContactChange {
    id: u32,
    name: Option<String>,
    email: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCompany {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Deals {
    #[serde(default = "twenty")]
    limit: u32,
    stage: Option<Stage>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Stage {
    Open,
    Won,
    Lost,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewDeal {
    title: String,
    amount: f64,
    contact_id: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Closing {
    id: u32,
    won: bool,
}

fn twenty() -> u32 {
    20
}

impl Store {
    /// Opens a database, and fills one that is empty.
    pub(super) fn open(file: Option<&Path>) -> Result<Self, Fault> {
        let database = match file {
            Some(file) => Connection::open(file)?,
            None => Connection::open_in_memory()?,
        };
        database.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
        if !database.table_exists(None, "contact")? {
            database.execute_batch(SCHEMA)?;
        }
        database.execute_batch("PRAGMA foreign_keys = ON;")?;
        Ok(Self { database })
    }

    /// Does what a method says.
    pub(super) fn call(&mut self, method: &str, params: Value) -> Answer {
        let names = PARAMETERS
            .get(method)
            .ok_or_else(|| Fault::new(-32601, format!("`{method}` is not a method")))?;
        let params = by_name(names, params)?;
        match method {
            "contact.list" => self.contacts(&read(params)?),
            "contact.get" => self.contact(read::<Id>(params)?.id),
            "contact.find" => self.find(&read(params)?),
            "contact.add" => self.add_contact(&read(params)?),
            "contact.update" => self.update_contact(&read(params)?),
            "contact.delete" => self.delete("contact", read::<Id>(params)?.id),
            "company.list" => {
                let Nothing {} = read(params)?;
                self.many(&format!("{COMPANY} ORDER BY name, id"), &[], company)
            }
            "company.get" => self.company(read::<Id>(params)?.id),
            "company.add" => self.add_company(&read(params)?),
            "deal.list" => self.deals(&read(params)?),
            "deal.get" => self.deal(read::<Id>(params)?.id),
            "deal.add" => self.add_deal(&read(params)?),
            "deal.close" => self.close(&read(params)?),
            "deal.delete" => self.delete("deal", read::<Id>(params)?.id),
            "stats.count" => {
                let Nothing {} = read(params)?;
                self.count()
            }
            _ => Err(Fault::internal()),
        }
    }

    fn contacts(&self, page: &Page) -> Answer {
        self.many(
            &format!("{CONTACT} ORDER BY name, id LIMIT :limit OFFSET :offset"),
            named_params! {":limit": limited(page.limit)?, ":offset": page.offset},
            contact,
        )
    }

    fn contact(&self, id: u32) -> Answer {
        self.one(CONTACT, "contact", id, contact)
    }

    /// SQLite's own `LIKE` knows upper and lower case of ASCII only.
    fn find(&self, query: &Query) -> Answer {
        let wanted = text("query", &query.query)?.to_lowercase();
        let all = self.many(&format!("{CONTACT} ORDER BY name, id"), &[], contact)?;
        let found = all.as_array().into_iter().flatten().filter(|contact| {
            ["name", "email"].iter().any(|field| {
                let text = contact.get(field).and_then(Value::as_str);
                text.is_some_and(|text| text.to_lowercase().contains(&wanted))
            })
        });
        Ok(found.cloned().collect())
    }

    fn add_contact(&self, new: &NewContact) -> Answer {
        if let Some(company) = new.company_id {
            self.company(company)?;
        }
        self.database.execute(
            "INSERT INTO contact (name, email, company_id) VALUES (:name, :email, :company)",
            named_params! {
                ":name": text("name", &new.name)?, ":email": email(new.email.as_deref())?, ":company": new.company_id
            },
        )?;
        self.contact(self.added()?)
    }

    fn update_contact(&self, change: &ContactChange) -> Answer {
        let name = change.name.as_deref().map(|name| text("name", name));
        self.database.execute(
            "UPDATE contact SET name = coalesce(:name, name), email = coalesce(:email, email) WHERE id = :id",
            named_params! {
                ":name": name.transpose()?, ":email": email(change.email.as_deref())?, ":id": change.id
            },
        )?;
        self.contact(change.id)
    }

    fn company(&self, id: u32) -> Answer {
        self.one(COMPANY, "company", id, company)
    }

    fn add_company(&self, new: &NewCompany) -> Answer {
        self.database.execute(
            "INSERT INTO company (name) VALUES (:name)",
            named_params! {":name": text("name", &new.name)?},
        )?;
        self.company(self.added()?)
    }

    fn deals(&self, deals: &Deals) -> Answer {
        self.many(
            &format!("{DEAL} WHERE :stage IS NULL OR stage = :stage ORDER BY amount DESC, id LIMIT :limit"),
            named_params! {":stage": deals.stage.map(Stage::name), ":limit": limited(deals.limit)?},
            deal,
        )
    }

    fn deal(&self, id: u32) -> Answer {
        self.one(DEAL, "deal", id, deal)
    }

    fn add_deal(&self, new: &NewDeal) -> Answer {
        if new.amount < 0.0 {
            return Err(Fault::params("`amount` must be 0 or more"));
        }
        self.contact(new.contact_id)?;
        self.database.execute(
            "INSERT INTO deal (title, amount, contact_id) VALUES (:title, :amount, :contact)",
            named_params! {
                ":title": text("title", &new.title)?, ":amount": new.amount, ":contact": new.contact_id
            },
        )?;
        self.deal(self.added()?)
    }

    fn close(&self, closing: &Closing) -> Answer {
        let stage = if closing.won { Stage::Won } else { Stage::Lost };
        let closed = self.database.execute(
            "UPDATE deal SET stage = :stage WHERE id = :id AND stage = 'open'",
            named_params! {":stage": stage.name(), ":id": closing.id},
        )?;
        let deal = self.deal(closing.id)?;
        if closed == 0 {
            return Err(Fault::new(
                -32009,
                format!("deal {} is closed already", closing.id),
            ));
        }
        Ok(deal)
    }

    fn delete(&self, table: &str, id: u32) -> Answer {
        let deals: u32 = match table {
            "contact" => self.database.query_row(
                "SELECT count(*) FROM deal WHERE contact_id = :id",
                named_params! {":id": id},
                |row| row.get(0),
            )?,
            _ => 0,
        };
        if deals > 0 {
            return Err(Fault::new(
                -32009,
                format!("contact {id} has deals ({deals}), delete these first"),
            ));
        }
        let deleted = self.database.execute(
            &format!("DELETE FROM {table} WHERE id = :id"),
            named_params! {":id": id},
        )?;
        if deleted == 0 {
            return Err(Fault::absent(table, id));
        }
        Ok(Value::Bool(true))
    }

    fn count(&self) -> Answer {
        let counts = self.database.query_row(
            "SELECT (SELECT count(*) FROM contact), (SELECT count(*) FROM company), (SELECT count(*) FROM deal),
                (SELECT coalesce(sum(amount), 0.0) FROM deal WHERE stage = 'open')",
            (),
            |row| {
                Ok(json!({
                    "contacts": row.get::<_, u32>(0)?, "companies": row.get::<_, u32>(1)?,
                    "deals": row.get::<_, u32>(2)?, "open_amount": row.get::<_, f64>(3)?
                }))
            },
        )?;
        Ok(counts)
    }

    fn one(
        &self,
        select: &str,
        what: &str,
        id: u32,
        read: fn(&Row<'_>) -> rusqlite::Result<Value>,
    ) -> Answer {
        let mut statement = self.database.prepare(&format!("{select} WHERE id = :id"))?;
        let found = statement.query_row(named_params! {":id": id}, read);
        found.optional()?.ok_or_else(|| Fault::absent(what, id))
    }

    fn many(
        &self,
        select: &str,
        params: &[(&str, &dyn rusqlite::ToSql)],
        read: fn(&Row<'_>) -> rusqlite::Result<Value>,
    ) -> Answer {
        let mut statement = self.database.prepare(select)?;
        let rows = statement.query_map(params, read)?;
        Ok(Value::Array(rows.collect::<Result<_, _>>()?))
    }

    fn added(&self) -> Result<u32, Fault> {
        u32::try_from(self.database.last_insert_rowid()).map_err(|_| Fault::internal())
    }
}

fn contact(row: &Row<'_>) -> rusqlite::Result<Value> {
    Ok(json!({
        "id": row.get::<_, u32>(0)?, "name": row.get::<_, String>(1)?,
        "email": row.get::<_, Option<String>>(2)?, "company_id": row.get::<_, Option<u32>>(3)?
    }))
}

fn company(row: &Row<'_>) -> rusqlite::Result<Value> {
    Ok(json!({"id": row.get::<_, u32>(0)?, "name": row.get::<_, String>(1)?}))
}

fn deal(row: &Row<'_>) -> rusqlite::Result<Value> {
    Ok(json!({
        "id": row.get::<_, u32>(0)?, "title": row.get::<_, String>(1)?, "amount": row.get::<_, f64>(2)?,
        "stage": row.get::<_, String>(3)?, "contact_id": row.get::<_, u32>(4)?
    }))
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }
}

impl Fault {
    pub(super) fn new(code: i32, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    pub(super) fn internal() -> Self {
        Self::new(-32603, "internal error")
    }

    pub(super) fn no_context() -> Self {
        Self::new(-32001, "no context: pass `X-Hero-Context`, and not 0")
    }

    fn params(message: impl Into<String>) -> Self {
        Self::new(-32602, message)
    }

    fn absent(what: &str, id: u32) -> Self {
        Self::new(-32004, format!("{what} {id} does not exist"))
    }
}

impl From<rusqlite::Error> for Fault {
    /// What the database says is for its operator.
    fn from(_: rusqlite::Error) -> Self {
        Self::internal()
    }
}

/// Parameters by name, whichever way they came.
fn by_name(names: &[String], params: Value) -> Result<Map<String, Value>, Fault> {
    match params {
        Value::Null => Ok(Map::new()),
        Value::Object(members) => Ok(members),
        Value::Array(values) if values.len() <= names.len() => {
            Ok(names.iter().cloned().zip(values).collect())
        }
        _ => Err(Fault::params(format!(
            "at most {} parameters are taken",
            names.len()
        ))),
    }
}

fn read<P: DeserializeOwned>(params: Map<String, Value>) -> Result<P, Fault> {
    P::deserialize(Value::Object(params)).map_err(|error| Fault::params(error.to_string()))
}

fn text<'t>(name: &str, text: &'t str) -> Result<&'t str, Fault> {
    match text.chars().count() {
        1..=200 => Ok(text),
        _ => Err(Fault::params(format!(
            "`{name}` must have 1 to 200 characters"
        ))),
    }
}

fn email(address: Option<&str>) -> Result<Option<&str>, Fault> {
    let Some(address) = address else {
        return Ok(None);
    };
    if text("email", address)?.contains('@') {
        Ok(Some(address))
    } else {
        Err(Fault::params("`email` must be an e-mail address"))
    }
}

fn limited(limit: u32) -> Result<u32, Fault> {
    match limit {
        1..=100 => Ok(limit),
        _ => Err(Fault::params("`limit` must be 1 to 100")),
    }
}
