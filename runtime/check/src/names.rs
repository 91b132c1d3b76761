//! What the names of a script mean, as far as they stand for services and what services have. A name means something only if
//! everything in the script that binds it says the same, in whatever scope: one that is bound twice in different ways, or to something
//! else, is left alone, and so is every name where a script can bind them unseen.

use crate::offered::Offered;
use ruff_python_ast::{
    Alias, ExceptHandler, Expr, ExprContext, Parameter, Pattern, Stmt, StmtImportFrom, TypeParam,
    visitor::{self, Visitor},
};
use std::collections::HashMap;

/// What an expression stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meaning<'a> {
    pub(crate) thing: Thing<'a>,
    /// Whether it is of `services.aio`.
    pub(crate) is_async: bool,
}

/// What there is to stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thing<'a> {
    /// `services` or `services.aio`.
    Package,
    /// The module of a service.
    Service(&'a str),
    /// The class of its clients.
    Class(&'a str),
    /// A client.
    Client(&'a str),
    /// One method, by its name in Python.
    Method(&'a str, &'a str),
    /// Anything else.
    Other,
}

/// What there is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absent<'a> {
    Service,
    MethodOf(&'a str),
}

/// What binds a name.
#[derive(Debug, Clone, Copy)]
enum Binding<'a> {
    Import(Meaning<'a>),
    /// What this returns.
    CallOf(&'a Expr),
    Other,
}

/// What every name of a script is bound to, and whether that is all.
#[derive(Debug)]
pub(crate) struct NameBindings<'a> {
    offered: &'a Offered<'a>,
    bound: HashMap<&'a str, Vec<Binding<'a>>>,
    /// Something may bind names, or change modules, in a way that is not seen.
    is_unknown: bool,
}

/// What replaces parts of modules while it is in force.
const MOCK: [&str; 2] = ["unittest.mock", "mock"];

/// Functions by which a script can bind names, or change what they stand for, in ways that are not seen.
const UNSEEN: [&str; 7] = [
    "exec",
    "globals",
    "locals",
    "vars",
    "setattr",
    "delattr",
    "__import__",
];

const OTHER: Meaning<'static> = Meaning {
    thing: Thing::Other,
    is_async: false,
};

impl<'a> NameBindings<'a> {
    pub(crate) fn of(script: &'a [Stmt], offered: &'a Offered<'a>) -> Self {
        let mut names = Self {
            offered,
            bound: HashMap::new(),
            is_unknown: false,
        };
        names.visit_body(script);
        names
    }

    /// Whether nothing in the script binds this name.
    pub(crate) fn is_unbound(&self, name: &str) -> bool {
        !self.is_unknown && !self.bound.contains_key(name)
    }

    pub(crate) fn meaning(&self, expr: &'a Expr) -> Meaning<'a> {
        match expr {
            Expr::Name(name) => self.named(&name.id, true),
            Expr::Attribute(attribute) => {
                let of = self.meaning(&attribute.value);
                self.member(of, &attribute.attr).unwrap_or(OTHER)
            }
            Expr::Call(call) => self.client(&call.func),
            _ => OTHER,
        }
    }

    /// What an attribute of something stands for, or what there is not.
    pub(crate) fn member(&self, of: Meaning<'a>, name: &'a str) -> Result<Meaning<'a>, Absent<'a>> {
        let is_async = of.is_async;
        let thing = |thing| Ok(Meaning { thing, is_async });
        // Python's own, and what modules keep for themselves.
        if name.starts_with('_') {
            return Ok(OTHER);
        }
        match of.thing {
            Thing::Package if name == "aio" && !is_async => Ok(Meaning {
                thing: Thing::Package,
                is_async: true,
            }),
            Thing::Package if matches!(name, "ServiceError" | "Refused") => Ok(OTHER),
            Thing::Package => match self.offered.service_of_class(name) {
                Some(service) => thing(Thing::Class(service)),
                None if self.offered.service(name).is_some() => thing(Thing::Service(name)),
                None => Err(Absent::Service),
            },
            Thing::Service(service) if self.offered.service_of_class(name) == Some(service) => {
                thing(Thing::Class(service))
            }
            Thing::Service(service) | Thing::Class(service) | Thing::Client(service) => {
                match self.offered.method(service, name) {
                    Some(_) => thing(Thing::Method(service, name)),
                    None => Err(Absent::MethodOf(service)),
                }
            }
            Thing::Method(..) | Thing::Other => Ok(OTHER),
        }
    }

    /// The module of this path, where it is ours. The last is what clients that others generate are imported from.
    pub(crate) fn module(&self, path: &'a str) -> Option<Result<Meaning<'a>, Absent<'a>>> {
        let package = Meaning {
            thing: Thing::Package,
            is_async: false,
        };
        let mut parts = path.split('.');
        if parts.next() != Some("services") {
            let service = path.strip_suffix("_client")?;
            let is_offered = self.offered.service(service).is_some();
            return is_offered.then_some(Ok(Meaning {
                thing: Thing::Service(service),
                is_async: false,
            }));
        }
        let mut module = package;
        for part in parts {
            match self.member(module, part) {
                Ok(found) => module = found,
                Err(absent) => return Some(Err(absent)),
            }
        }
        Some(Ok(module))
    }

    /// What all bindings of a name agree on; what calls return only where that is asked for, since it is worked out from names.
    fn named(&self, name: &str, with_calls: bool) -> Meaning<'a> {
        let bindings = self.bound.get(name).map_or(&[][..], Vec::as_slice);
        let Some((first, others)) = bindings.split_first().filter(|_| !self.is_unknown) else {
            return OTHER;
        };
        let of = |binding: &Binding<'a>| match binding {
            Binding::Import(meaning) => *meaning,
            Binding::CallOf(function) if with_calls => self.client(function),
            Binding::CallOf(_) | Binding::Other => OTHER,
        };
        let meaning = of(first);
        if others.iter().all(|other| of(other) == meaning) {
            meaning
        } else {
            OTHER
        }
    }

    /// What a call of this returns, if that is a client.
    fn client(&self, function: &'a Expr) -> Meaning<'a> {
        let class = self.imported(function);
        match class.thing {
            Thing::Class(service) => Meaning {
                thing: Thing::Client(service),
                is_async: class.is_async,
            },
            _ => OTHER,
        }
    }

    /// What imports alone say that an expression stands for.
    fn imported(&self, expr: &'a Expr) -> Meaning<'a> {
        match expr {
            Expr::Name(name) => self.named(&name.id, false),
            Expr::Attribute(attribute) => {
                let of = self.imported(&attribute.value);
                self.member(of, &attribute.attr).unwrap_or(OTHER)
            }
            _ => OTHER,
        }
    }

    fn bind(&mut self, name: &'a str, binding: Binding<'a>) {
        self.bound.entry(name).or_default().push(binding);
    }

    /// Whatever is changed of it, it is not what it was.
    fn change(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) => self.bind(&name.id, Binding::Other),
            Expr::Attribute(attribute) => self.change(&attribute.value),
            Expr::Subscript(subscript) => self.change(&subscript.value),
            _ => {}
        }
    }

    fn import(&mut self, alias: &'a Alias) {
        let path: &'a str = &alias.name;
        self.is_unknown |= MOCK.contains(&path);
        let (name, meaning): (&'a str, _) = match &alias.asname {
            Some(name) => (name, self.module(path)),
            None => {
                let root = path.split('.').next().unwrap_or(path);
                (root, self.module(root))
            }
        };
        let binding = match meaning {
            Some(Ok(meaning)) => Binding::Import(meaning),
            _ => Binding::Other,
        };
        self.bind(name, binding);
    }

    fn import_from(&mut self, import: &'a StmtImportFrom) {
        let module = match (&import.module, import.level) {
            (Some(module), 0) => {
                self.is_unknown |= MOCK.contains(&module.as_str())
                    || module == "unittest"
                        && import.names.iter().any(|alias| &alias.name == "mock");
                self.module(module)
            }
            _ => None,
        };
        for alias in &import.names {
            if &alias.name == "*" {
                self.import_all(module);
                continue;
            }
            let meaning = match module {
                Some(Ok(module)) => self.member(module, &alias.name).ok(),
                _ => None,
            };
            let name: &'a str = alias.asname.as_ref().unwrap_or(&alias.name);
            self.bind(name, meaning.map_or(Binding::Other, Binding::Import));
        }
    }

    fn import_all(&mut self, module: Option<Result<Meaning<'a>, Absent<'a>>>) {
        match module {
            Some(Ok(
                package @ Meaning {
                    thing: Thing::Package,
                    ..
                },
            )) => {
                for name in self.offered.names() {
                    let service = Meaning {
                        thing: Thing::Service(name),
                        ..package
                    };
                    self.bind(name, Binding::Import(service));
                }
            }
            // The names of methods, and those of other modules, are not in the source.
            _ => self.is_unknown = true,
        }
    }
}

impl<'a> Visitor<'a> for NameBindings<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Import(import) => import.names.iter().for_each(|alias| self.import(alias)),
            Stmt::ImportFrom(import) => self.import_from(import),
            Stmt::FunctionDef(function) => {
                self.bind(&function.name, Binding::Other);
                visitor::walk_stmt(self, stmt);
            }
            Stmt::ClassDef(class) => {
                self.bind(&class.name, Binding::Other);
                visitor::walk_stmt(self, stmt);
            }
            Stmt::Assign(assign) => match (assign.targets.as_slice(), &*assign.value) {
                ([Expr::Name(name)], Expr::Call(call)) => {
                    self.bind(&name.id, Binding::CallOf(&call.func));
                    self.visit_expr(&assign.value);
                }
                _ => visitor::walk_stmt(self, stmt),
            },
            _ => visitor::walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        let changed =
            |context: ExprContext| matches!(context, ExprContext::Store | ExprContext::Del);
        match expr {
            Expr::Name(name) if changed(name.ctx) => self.bind(&name.id, Binding::Other),
            Expr::Name(name) if UNSEEN.contains(&name.id.as_str()) => self.is_unknown = true,
            Expr::Attribute(attribute) if changed(attribute.ctx) => self.change(&attribute.value),
            Expr::Subscript(subscript) if changed(subscript.ctx) => self.change(&subscript.value),
            // `sys.modules` is where anything can be put in the place of a module.
            Expr::Attribute(attribute) if &attribute.attr == "modules" => self.is_unknown = true,
            _ => {}
        }
        visitor::walk_expr(self, expr);
    }

    fn visit_parameter(&mut self, parameter: &'a Parameter) {
        self.bind(&parameter.name, Binding::Other);
        visitor::walk_parameter(self, parameter);
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(named) = handler;
        if let Some(name) = &named.name {
            self.bind(name, Binding::Other);
        }
        visitor::walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        let name = match pattern {
            Pattern::MatchAs(pattern) => pattern.name.as_ref(),
            Pattern::MatchStar(pattern) => pattern.name.as_ref(),
            Pattern::MatchMapping(pattern) => pattern.rest.as_ref(),
            _ => None,
        };
        if let Some(name) = name {
            self.bind(name, Binding::Other);
        }
        visitor::walk_pattern(self, pattern);
    }

    fn visit_type_param(&mut self, parameter: &'a TypeParam) {
        let name = match parameter {
            TypeParam::TypeVar(parameter) => &parameter.name,
            TypeParam::ParamSpec(parameter) => &parameter.name,
            TypeParam::TypeVarTuple(parameter) => &parameter.name,
        };
        self.bind(name, Binding::Other);
        visitor::walk_type_param(self, parameter);
    }
}
