//! A script read from top to bottom, with what its names mean: its mistakes, and its calls. It must never have a false alarm: a place
//! where the script itself expects a failure, as `except ImportError` does, is left alone for that failure.

use crate::{
    literal,
    names::{Absent, Meaning, NameBindings, Thing},
    offered::Offered,
    report::{CheckReport, CheckedCall, MistakeKind, Places},
};
use ruff_python_ast::{
    Arguments, Comprehension, ExceptHandler, Expr, ExprAttribute, Stmt, StmtImport, StmtImportFrom,
    StmtTry, WithItem,
    visitor::{self, Visitor},
};
use ruff_text_size::{Ranged, TextSize};
use sandgate_policy::Outlook;
use sandgate_service::WrittenCall;
use sandgate_wire::PACKAGES;
use std::collections::{BTreeMap, BTreeSet};

/// A script under way.
pub(crate) struct ScriptReader<'a, 'p> {
    names: &'a NameBindings<'a>,
    offered: &'a Offered<'a>,
    places: &'p Places<'a>,
    /// Of the services that it has named so far.
    outlooks: BTreeMap<&'a str, Vec<Outlook>>,
    expected: Expected,
    /// Services of which it was said that they are not imported.
    told: BTreeSet<&'a str>,
    report: CheckReport,
}

/// Failures that the script is prepared for here.
#[derive(Debug, Clone, Copy, Default)]
struct Expected {
    /// Of an import; one under a condition may never be made.
    import: bool,
    attribute: bool,
    name: bool,
}

impl Expected {
    fn and(self, other: Self) -> Self {
        Self {
            import: self.import || other.import,
            attribute: self.attribute || other.attribute,
            name: self.name || other.name,
        }
    }

    /// Where this is caught. Everything is where nothing is said, or something that is not the name of an exception.
    fn by(caught: Option<&Expr>) -> Self {
        let by_name = |name: &str| Self {
            import: matches!(
                name,
                "ImportError" | "ModuleNotFoundError" | "Exception" | "BaseException"
            ),
            attribute: name == "AttributeError",
            name: name == "NameError",
        };
        match caught {
            // An import that may fail in whatever way; the rest of a script is often within such a one for another reason.
            None => by_name("Exception"),
            Some(Expr::Tuple(tuple)) => {
                let all = tuple.elts.iter().map(|one| Self::by(Some(one)));
                all.fold(Self::default(), Self::and)
            }
            Some(Expr::Name(name)) => by_name(&name.id),
            Some(Expr::Attribute(attribute)) => by_name(&attribute.attr),
            Some(_) => Self {
                import: true,
                attribute: true,
                name: true,
            },
        }
    }
}

impl<'a, 'p> ScriptReader<'a, 'p> {
    pub(crate) fn of(
        script: &'a [Stmt],
        names: &'a NameBindings<'a>,
        offered: &'a Offered<'a>,
        places: &'p Places<'a>,
    ) -> CheckReport {
        let mut reading = ScriptReader {
            names,
            offered,
            places,
            outlooks: BTreeMap::new(),
            expected: Expected::default(),
            told: BTreeSet::new(),
            report: CheckReport::default(),
        };
        reading.visit_body(script);
        let mut report = reading.report;
        report.mistakes.sort();
        report.mistakes.dedup();
        report.calls.sort_by_key(|call| (call.line, call.column));
        report
    }

    fn mistake(&mut self, kind: MistakeKind, at: TextSize, message: String, help: String) {
        let mistake = self.places.mistake(kind, at, message, Some(help));
        self.report.mistakes.push(mistake);
    }

    /// Reads something where the script is prepared for this, too.
    fn expecting(&mut self, expected: Expected, read: impl FnOnce(&mut Self)) {
        let before = self.expected;
        self.expected = before.and(expected);
        read(self);
        self.expected = before;
    }

    fn absent(&mut self, absent: Absent<'a>, name: &str, at: TextSize) {
        match absent {
            Absent::Service => {
                let help = self.offered.instead_of_service(name);
                let message = format!("no service `{name}` is available");
                self.mistake(MistakeKind::Service, at, message, help);
            }
            Absent::MethodOf(service) => {
                let help = self.offered.instead_of_method(service, name);
                let message = format!("service `{service}` has no method `{name}`");
                self.mistake(MistakeKind::Method, at, message, help);
            }
        }
    }

    fn import(&mut self, import: &'a StmtImport) {
        for alias in &import.names {
            self.package(&alias.name, alias.start());
            if let Some(Err(absent)) = self.names.module(&alias.name) {
                let name = alias.name.rsplit('.').next().unwrap_or_default();
                self.absent(absent, name, alias.start());
            }
        }
    }

    fn import_from(&mut self, import: &'a StmtImportFrom) {
        let Some(path) = import.module.as_ref().filter(|_| import.level == 0) else {
            return;
        };
        self.package(path, import.start());
        let module = match self.names.module(path) {
            None => return,
            Some(Err(absent)) => {
                let name = path.rsplit('.').next().unwrap_or_default();
                return self.absent(absent, name, path.start());
            }
            Some(Ok(module)) => module,
        };
        for alias in import.names.iter().filter(|alias| &alias.name != "*") {
            if let Err(absent) = self.names.member(module, &alias.name) {
                self.absent(absent, &alias.name, alias.start());
            }
        }
    }

    fn package(&mut self, path: &str, at: TextSize) {
        let root = path.split('.').next().unwrap_or(path);
        if let Some(package) = PACKAGES.iter().find(|package| package.module == root) {
            let message = format!("`{root}` cannot be installed here");
            self.mistake(
                MistakeKind::Package,
                at,
                message,
                package.instead.to_owned(),
            );
        }
    }

    /// What policies say of a call that is made here, or of a method that is named.
    fn call(&mut self, service: &'a str, python: &str, at: TextSize) {
        let Some(method) = self.offered.method(service, python) else {
            return;
        };
        let outlooks = self.outlooks.entry(service);
        let outlooks = outlooks.or_insert_with(|| self.offered.outlooks(service));
        let outlook = outlooks
            .iter()
            .find(|outlook| outlook.method == method.method);
        if let Some(outlook) = outlook {
            let (line, column) = self.places.of_offset(at);
            let outlook = outlook.clone();
            self.report.calls.push(CheckedCall {
                line,
                column,
                outlook,
            });
        }
    }

    fn arguments(&mut self, service: &str, python: &str, arguments: &'a Arguments, at: TextSize) {
        let Some(method) = self.offered.method(service, python) else {
            return;
        };
        let is_starred = |expr: &&Expr| expr.is_starred_expr();
        let named = arguments.keywords.iter();
        let call = WrittenCall {
            positional: arguments
                .args
                .iter()
                .take_while(|expr| !is_starred(expr))
                .map(literal::value)
                .collect(),
            named: named
                .filter_map(|keyword| {
                    Some((keyword.arg.as_deref()?, literal::value(&keyword.value)))
                })
                .collect(),
            is_open: arguments.args.iter().any(|expr| is_starred(&expr))
                || arguments
                    .keywords
                    .iter()
                    .any(|keyword| keyword.arg.is_none()),
        };
        for error in method.bind_written(&call) {
            let help = format!("it is `{}`", method.signature());
            self.mistake(MistakeKind::Arguments, at, error.to_string(), help);
        }
    }

    /// The method that this calls.
    fn called(&self, expr: &'a Expr) -> Option<(Meaning<'a>, &'a str, &'a str)> {
        let meaning = self.names.meaning(&expr.as_call_expr()?.func);
        match meaning.thing {
            Thing::Method(service, method) => Some((meaning, service, method)),
            _ => None,
        }
    }

    /// Something is done here with the result of what may be a call of `services.aio` that nobody awaits.
    fn used(&mut self, expr: &'a Expr) {
        if let Some((Meaning { is_async: true, .. }, service, method)) = self.called(expr) {
            let message = format!(
                "`{method}` of `services.aio` is called and not awaited, so nothing is sent"
            );
            let help =
                format!("write `await` before the call, or `from services import {service}`");
            self.mistake(MistakeKind::NotAwaited, expr.start(), message, help);
        }
    }

    fn awaited(&mut self, expr: &'a Expr) {
        if let Some((
            Meaning {
                is_async: false, ..
            },
            service,
            method,
        )) = self.called(expr)
        {
            let message =
                format!("`{method}` of `services` returns its result, which cannot be awaited");
            let help = format!("leave `await` out, or write `from services.aio import {service}`");
            self.mistake(MistakeKind::NotAwaitable, expr.start(), message, help);
        }
    }

    fn attribute(&mut self, attribute: &'a ExprAttribute) {
        let name: &'a str = &attribute.attr;
        let of = self.names.meaning(&attribute.value);
        match self.names.member(of, name) {
            Ok(Meaning {
                thing: Thing::Method(service, method),
                ..
            }) => {
                self.call(service, method, attribute.start());
            }
            Ok(_) => {}
            Err(absent) if !self.expected.attribute => {
                self.absent(absent, name, attribute.attr.start())
            }
            Err(_) => {}
        }
        if let Expr::Name(base) = &*attribute.value {
            self.unbound(&base.id, name, base.start());
        }
    }

    /// A service that nobody imported.
    fn unbound(&mut self, name: &'a str, member: &str, at: TextSize) {
        if self.expected.name || !self.names.is_unbound(name) || self.told.contains(name) {
            return;
        }
        let import = if name == "services" {
            let is_ours = member == "aio" || self.offered.service(member).is_some();
            is_ours.then(|| "import services".to_owned())
        } else {
            let is_method = self.offered.method(name, member).is_some();
            is_method.then(|| format!("from services import {name}"))
        };
        if let Some(import) = import {
            self.told.insert(name);
            let message = format!("`{name}` is used and not imported");
            self.mistake(
                MistakeKind::NotImported,
                at,
                message,
                format!("write `{import}` before it"),
            );
        }
    }

    fn attempt(&mut self, attempt: &'a StmtTry) {
        let caught = attempt
            .handlers
            .iter()
            .map(|ExceptHandler::ExceptHandler(handler)| Expected::by(handler.type_.as_deref()));
        let caught = caught.fold(Expected::default(), Expected::and);
        self.expecting(caught, |reading| reading.visit_body(&attempt.body));
        let otherwise = Expected {
            import: true,
            ..Expected::default()
        };
        self.expecting(otherwise, |reading| {
            for handler in &attempt.handlers {
                reading.visit_except_handler(handler);
            }
        });
        self.expecting(caught, |reading| reading.visit_body(&attempt.orelse));
        self.visit_body(&attempt.finalbody);
    }
}

/// What a `with` is prepared for: `suppress(ImportError)`, `self.assertRaises(AttributeError)`.
fn caught_with(items: &[WithItem]) -> Expected {
    let calls = items
        .iter()
        .filter_map(|item| item.context_expr.as_call_expr());
    let arguments = calls.flat_map(|call| &call.arguments.args);
    let named = arguments
        .filter(|expr| matches!(expr, Expr::Name(_) | Expr::Attribute(_) | Expr::Tuple(_)));
    named
        .map(|expr| Expected::by(Some(expr)))
        .fold(Expected::default(), Expected::and)
}

/// `__name__ == "__main__"`, which is so in a script.
fn is_main(test: &Expr) -> bool {
    let compared = test.as_compare_expr().map(|compare| &*compare.left);
    compared
        .and_then(Expr::as_name_expr)
        .is_some_and(|name| &name.id == "__name__")
}

impl<'a> Visitor<'a> for ScriptReader<'a, '_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        let maybe = Expected {
            import: true,
            ..Expected::default()
        };
        match stmt {
            Stmt::Import(import) if !self.expected.import => self.import(import),
            Stmt::ImportFrom(import) if !self.expected.import => self.import_from(import),
            Stmt::Import(_) | Stmt::ImportFrom(_) => {}
            Stmt::Try(attempt) => self.attempt(attempt),
            Stmt::With(with) => {
                let caught = caught_with(&with.items);
                self.expecting(caught, |reading| visitor::walk_stmt(reading, stmt));
            }
            Stmt::If(test) if !is_main(&test.test) => {
                self.expecting(maybe, |reading| visitor::walk_stmt(reading, stmt));
            }
            Stmt::Match(_) | Stmt::While(_) => {
                self.expecting(maybe, |reading| visitor::walk_stmt(reading, stmt));
            }
            Stmt::Expr(alone) => {
                self.used(&alone.value);
                visitor::walk_stmt(self, stmt);
            }
            Stmt::For(each) => {
                self.used(&each.iter);
                visitor::walk_stmt(self, stmt);
            }
            _ => visitor::walk_stmt(self, stmt),
        }
    }

    fn visit_comprehension(&mut self, comprehension: &'a Comprehension) {
        self.used(&comprehension.iter);
        visitor::walk_comprehension(self, comprehension);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Call(call) => {
                if let Some((_, service, method)) = self.called(expr) {
                    self.arguments(service, method, &call.arguments, expr.start());
                }
            }
            Expr::Await(awaited) => self.awaited(&awaited.value),
            Expr::Subscript(subscript) => self.used(&subscript.value),
            Expr::Attribute(attribute) => {
                // What a coroutine has itself.
                let own = ["send", "throw", "close"];
                if !own.contains(&&*attribute.attr)
                    && !attribute.attr.starts_with('_')
                    && !attribute.attr.starts_with("cr_")
                {
                    self.used(&attribute.value);
                }
                self.attribute(attribute);
            }
            Expr::Name(name) => {
                if let Thing::Method(service, method) = self.names.meaning(expr).thing {
                    self.call(service, method, name.start());
                }
            }
            _ => {}
        }
        visitor::walk_expr(self, expr);
    }
}
