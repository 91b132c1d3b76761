//! The value of an expression that is written out, as the JSON that a call would send. It must never guess: what is worked out
//! when the script runs, or is sent in a form that its source does not show, has no value here.

use ruff_python_ast::{Expr, Number, UnaryOp};
use serde_json::{Map, Value};

/// The value, where all of it is written out.
pub(crate) fn value(expr: &Expr) -> Option<Value> {
    match expr {
        Expr::NoneLiteral(_) => Some(Value::Null),
        Expr::BooleanLiteral(literal) => Some(Value::Bool(literal.value)),
        Expr::StringLiteral(literal) => Some(Value::String(literal.value.to_str().to_owned())),
        Expr::NumberLiteral(literal) => number(&literal.value, false),
        Expr::UnaryOp(unary) => match (unary.op, &*unary.operand) {
            (UnaryOp::USub, Expr::NumberLiteral(literal)) => number(&literal.value, true),
            (UnaryOp::UAdd, Expr::NumberLiteral(literal)) => number(&literal.value, false),
            _ => None,
        },
        Expr::List(list) => all(&list.elts),
        Expr::Tuple(tuple) => all(&tuple.elts),
        Expr::Dict(dict) => {
            let mut members = Map::new();
            for item in dict {
                let Some(Expr::StringLiteral(key)) = &item.key else {
                    return None;
                };
                members.insert(key.value.to_str().to_owned(), value(&item.value)?);
            }
            Some(Value::Object(members))
        }
        _ => None,
    }
}

fn all(items: &[Expr]) -> Option<Value> {
    items
        .iter()
        .map(value)
        .collect::<Option<Vec<Value>>>()
        .map(Value::Array)
}

fn number(number: &Number, is_negative: bool) -> Option<Value> {
    match number {
        Number::Int(int) if is_negative => Some(int.as_i64()?.checked_neg()?.into()),
        Number::Int(int) => Some(int.as_u64()?.into()),
        Number::Float(float) => {
            let float = if is_negative { -float } else { *float };
            Some(serde_json::Number::from_f64(float)?.into())
        }
        Number::Complex { .. } => None,
    }
}
