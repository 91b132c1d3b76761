//! Finite decimal numbers and what is computed with them, as the General Decimal Arithmetic Specification has it.
//! Called by `decimal` alone. What is rare (results out of range, subnormal or folded down) is not computed here: it is
//! `None`, and Python's own module does it, which says the same of everything else.

use malachite_bigint::{BigInt, BigUint};
use num_traits::{Signed, ToPrimitive, Zero};
use std::{cell::RefCell, cmp::Ordering, collections::BTreeMap};

/// Digits that a machine's integer holds, whatever they are.
const SMALL_DIGITS: u64 = 38;
/// What is padded or computed exactly beyond this is left to Python, which says what it costs by how long it takes.
const MOST_DIGITS: u64 = 4_000_000;
/// A power whose exact digits are more is approximated by Python.
const MOST_POWER_DIGITS: u64 = 5000;
/// Powers of ten up to this one are kept once they were needed.
const KEPT_POWERS: u64 = 160;
/// Exponents beyond are taken to be this one: no context reaches it, and sums of two do not overflow.
pub(super) const FAR: i64 = 2_000_000_000_000_000_000;

/// A coefficient: small where it has no more than 38 digits, and large in no other case.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Coefficient {
    Small(u128),
    Large(BigUint),
}

use Coefficient::{Large, Small};

thread_local! {
    static POWERS: RefCell<BTreeMap<u64, BigUint>> = const { RefCell::new(BTreeMap::new()) };
}

/// What was cut off, as a part of the last digit that is left.
#[derive(Clone, Copy, PartialEq)]
enum Lost {
    Nothing,
    Little,
    Half,
    Much,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Rounding {
    Down,
    HalfUp,
    HalfEven,
    Ceiling,
    Floor,
    Up,
    HalfDown,
    ZeroFiveUp,
}

/// What a context says of a result.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub precision: i64,
    pub least: i64,
    pub most: i64,
    pub rounding: Rounding,
    pub clamped: bool,
}

/// What a result is said to be.
#[derive(Clone, Copy, Default, PartialEq)]
pub(super) struct Signals {
    pub rounded: bool,
    pub inexact: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Finite {
    pub negative: bool,
    pub digits: Coefficient,
    pub exponent: i64,
}

pub(super) type Outcome = Option<(Finite, Signals)>;

/// The number, or where it is too far away how far numbers go.
pub(super) fn nearest(number: &BigInt) -> i64 {
    let limit = if number.is_negative() { -FAR } else { FAR };
    number.to_i64().unwrap_or(limit).clamp(-FAR, FAR)
}

fn small_power(count: u64) -> Option<u128> {
    10u128.checked_pow(count.to_u32()?)
}

fn power(count: u64) -> BigUint {
    if let Some(small) = small_power(count) {
        return small.into();
    }
    let raise = || BigUint::from(10u32).pow(count.to_u32().unwrap_or(u32::MAX));
    if count > KEPT_POWERS {
        return raise();
    }
    POWERS.with_borrow_mut(|powers| powers.entry(count).or_insert_with(raise).clone())
}

impl From<u128> for Coefficient {
    fn from(number: u128) -> Self {
        match number.checked_ilog10() {
            Some(log) if u64::from(log) >= SMALL_DIGITS => Large(number.into()),
            _ => Small(number),
        }
    }
}

impl From<BigUint> for Coefficient {
    fn from(number: BigUint) -> Self {
        match number.to_u128() {
            Some(small) => small.into(),
            None => Large(number),
        }
    }
}

impl Coefficient {
    /// From decimal digits and nothing else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() as u64 <= SMALL_DIGITS {
            text.parse::<u128>().ok().map(Small)
        } else {
            text.parse::<BigUint>().ok().map(Into::into)
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Small(number) => match u64::try_from(*number) {
                Ok(number) => number.to_string(),
                Err(_) => number.to_string(),
            },
            Large(number) => number.to_str_radix(10),
        }
    }

    pub(super) fn is_zero(&self) -> bool {
        matches!(self, Small(0))
    }

    fn is_odd(&self) -> bool {
        match self {
            Small(number) => number % 2 == 1,
            Large(number) => number.bit(0),
        }
    }

    pub(super) fn big(&self) -> BigUint {
        match self {
            Small(number) => (*number).into(),
            Large(number) => number.clone(),
        }
    }

    /// How many digits it is written with.
    pub(super) fn count(&self) -> u64 {
        match self {
            Small(number) => number.checked_ilog10().map_or(1, |log| u64::from(log) + 1),
            Large(number) => {
                // As many as the number of bits says, or one more; the logarithm of 2 is a little larger.
                let least = ((number.bits() - 1) as u128 * 30_102_999_566 / 100_000_000_000) as u64;
                let count = least + 1;
                if *number >= power(count) {
                    count + 1
                } else {
                    count
                }
            }
        }
    }

    fn add(&self, other: &Self) -> Self {
        match (self, other) {
            (Small(one), Small(two)) => (one + two).into(),
            _ => (self.big() + other.big()).into(),
        }
    }

    /// What is left of it without the other, which is not larger.
    fn subtract(&self, other: &Self) -> Self {
        match (self, other) {
            (Small(one), Small(two)) => Small(one - two),
            _ => (self.big() - other.big()).into(),
        }
    }

    fn multiply(&self, other: &Self) -> Self {
        if let (Small(one), Small(two)) = (self, other)
            && let Some(product) = one.checked_mul(*two)
        {
            return product.into();
        }
        (self.big() * other.big()).into()
    }

    /// With that many zeros more.
    fn padded(&self, count: u64) -> Self {
        if count == 0 {
            return self.clone();
        }
        if let (Small(number), Some(power)) = (self, small_power(count))
            && let Some(product) = number.checked_mul(power)
        {
            return product.into();
        }
        (self.big() * power(count)).into()
    }

    fn divide(&self, other: &Self) -> (Self, Self) {
        if let (Small(one), Small(two)) = (self, other) {
            return match (u64::try_from(*one), u64::try_from(*two)) {
                (Ok(one), Ok(two)) => (Small(u128::from(one / two)), Small(u128::from(one % two))),
                _ => (Small(one / two), Small(one % two)),
            };
        }
        let (one, two) = (self.big(), other.big());
        let quotient = &one / &two;
        let rest = one - &quotient * two;
        (quotient.into(), rest.into())
    }

    fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Small(one), Small(two)) => one.cmp(two),
            (Small(_), Large(_)) => Ordering::Less,
            (Large(_), Small(_)) => Ordering::Greater,
            (Large(one), Large(two)) => one.cmp(two),
        }
    }

    /// Without its last digits, and what those were worth. It has `own` of them.
    fn cut(&self, own: u64, count: u64) -> (Self, Lost) {
        if count > own {
            let lost = if self.is_zero() {
                Lost::Nothing
            } else {
                Lost::Little
            };
            return (Small(0), lost);
        }
        let (kept, order, exact) = match (self, small_power(count)) {
            (Small(number), Some(power)) => {
                let (kept, rest) = match (u64::try_from(*number), u64::try_from(power)) {
                    (Ok(number), Ok(power)) => {
                        (u128::from(number / power), u128::from(number % power))
                    }
                    _ => (number / power, number % power),
                };
                (Small(kept), rest.cmp(&(power / 2)), rest == 0)
            }
            _ => {
                let (number, power) = (self.big(), power(count));
                let kept = &number / &power;
                let rest = number - &kept * &power;
                let order = (&rest + &rest).cmp(&power);
                let exact = rest.is_zero();
                (kept.into(), order, exact)
            }
        };
        let lost = match order {
            _ if exact => Lost::Nothing,
            Ordering::Less => Lost::Little,
            Ordering::Equal => Lost::Half,
            Ordering::Greater => Lost::Much,
        };
        (kept, lost)
    }

    /// The same, rounded, and whether anything was lost.
    fn rounded(&self, own: u64, count: u64, negative: bool, rounding: Rounding) -> (Self, bool) {
        let (kept, lost) = self.cut(own, count);
        let up = lost != Lost::Nothing
            && match rounding {
                Rounding::Down => false,
                Rounding::Up => true,
                Rounding::Ceiling => !negative,
                Rounding::Floor => negative,
                Rounding::HalfUp => lost != Lost::Little,
                Rounding::HalfDown => lost == Lost::Much,
                Rounding::HalfEven => lost == Lost::Much || lost == Lost::Half && kept.is_odd(),
                Rounding::ZeroFiveUp => {
                    let last = match &kept {
                        Small(number) => (number % 10) as u8,
                        Large(number) => (number % BigUint::from(10u32)).to_u8().unwrap_or(0),
                    };
                    last == 0 || last == 5
                }
            };
        let kept = if up { kept.add(&Small(1)) } else { kept };
        (kept, lost != Lost::Nothing)
    }
}

impl From<&BigInt> for Finite {
    fn from(number: &BigInt) -> Self {
        let digits = match number.to_i64() {
            Some(small) => Small(small.unsigned_abs().into()),
            None => number.magnitude().clone().into(),
        };
        Self::new(number.is_negative(), digits, 0)
    }
}

impl Finite {
    pub(super) fn new(negative: bool, digits: impl Into<Coefficient>, exponent: i64) -> Self {
        Self {
            negative,
            digits: digits.into(),
            exponent,
        }
    }

    pub(super) fn is_zero(&self) -> bool {
        self.digits.is_zero()
    }

    /// The exponent of its first digit.
    pub(super) fn adjusted(&self) -> i64 {
        self.exponent
            .saturating_add_unsigned(self.digits.count())
            .saturating_sub(1)
    }

    pub(super) fn negated(&self) -> Self {
        Self {
            negative: !self.negative,
            ..self.clone()
        }
    }

    /// As the context has it, where that is not rare.
    pub(super) fn fixed(self, limits: &Limits) -> Outcome {
        let tiny = limits.least - limits.precision + 1;
        let top = limits.most - limits.precision + 1;
        if self.is_zero() {
            let most = if limits.clamped { top } else { limits.most };
            return (tiny..=most)
                .contains(&self.exponent)
                .then(|| (self, Signals::default()));
        }
        let own = self.digits.count();
        let least = self.exponent.saturating_add_unsigned(own) - limits.precision;
        if least > top || least < tiny || limits.clamped && self.exponent > top {
            return None;
        }
        if self.exponent >= least {
            return Some((self, Signals::default()));
        }
        let count = (least - self.exponent) as u64;
        let (mut digits, inexact) = self
            .digits
            .rounded(own, count, self.negative, limits.rounding);
        let mut exponent = least;
        if digits.count() as i64 > limits.precision {
            digits = digits.cut(digits.count(), 1).0;
            exponent += 1;
            if exponent > top {
                return None;
            }
        }
        let number = Self::new(self.negative, digits, exponent);
        Some((
            number,
            Signals {
                rounded: true,
                inexact,
            },
        ))
    }

    /// With that exponent, padded or rounded; and whether anything was lost.
    pub(super) fn rescaled(&self, exponent: i64, rounding: Rounding) -> Option<(Self, bool)> {
        if self.is_zero() {
            return Some((Self::new(self.negative, Small(0), exponent), false));
        }
        let distance = self.exponent.saturating_sub(exponent);
        if distance >= 0 {
            if distance as u64 > MOST_DIGITS {
                return None;
            }
            let digits = self.digits.padded(distance as u64);
            return Some((Self::new(self.negative, digits, exponent), false));
        }
        let (digits, lost) = self.digits.rounded(
            self.digits.count(),
            distance.unsigned_abs(),
            self.negative,
            rounding,
        );
        Some((Self::new(self.negative, digits, exponent), lost))
    }

    pub(super) fn add(&self, other: &Self, limits: &Limits) -> Outcome {
        let exponent = self.exponent.min(other.exponent);
        let negative_zero = limits.rounding == Rounding::Floor && self.negative != other.negative;
        match (self.is_zero(), other.is_zero()) {
            (true, true) => {
                let negative = self.negative && other.negative || negative_zero;
                return Self::new(negative, Small(0), exponent).fixed(limits);
            }
            (true, false) | (false, true) => {
                let number = if self.is_zero() { other } else { self };
                let exponent = exponent.max(number.exponent - limits.precision - 1);
                return number.rescaled(exponent, limits.rounding)?.0.fixed(limits);
            }
            (false, false) => {}
        }
        // Something far smaller than the last digit of the other counts as much as anything of that kind.
        let (high, low) = if self.exponent < other.exponent {
            (other, self)
        } else {
            (self, other)
        };
        let (mut low_digits, mut low_exponent) = (low.digits.clone(), low.exponent);
        if high.exponent != low.exponent {
            let room = (high.digits.count() as i64 - limits.precision - 2).min(-1);
            let least = high.exponent + room;
            if low.adjusted() < least {
                (low_digits, low_exponent) = (Small(1), least);
            }
        }
        let distance = (high.exponent - low_exponent) as u64;
        if distance > MOST_DIGITS {
            return None;
        }
        let high_digits = high.digits.padded(distance);
        if self.negative == other.negative {
            let sum = high_digits.add(&low_digits);
            return Self::new(self.negative, sum, low_exponent).fixed(limits);
        }
        let (negative, digits) = match high_digits.order(&low_digits) {
            Ordering::Equal => return Self::new(negative_zero, Small(0), exponent).fixed(limits),
            Ordering::Greater => (high.negative, high_digits.subtract(&low_digits)),
            Ordering::Less => (low.negative, low_digits.subtract(&high_digits)),
        };
        Self::new(negative, digits, low_exponent).fixed(limits)
    }

    pub(super) fn subtract(&self, other: &Self, limits: &Limits) -> Outcome {
        self.add(&other.negated(), limits)
    }

    pub(super) fn multiply(&self, other: &Self, limits: &Limits) -> Outcome {
        let digits = self.digits.multiply(&other.digits);
        let exponent = self.exponent + other.exponent;
        Self::new(self.negative != other.negative, digits, exponent).fixed(limits)
    }

    pub(super) fn divide(&self, other: &Self, limits: &Limits) -> Outcome {
        if other.is_zero() {
            return None;
        }
        let negative = self.negative != other.negative;
        let ideal = self.exponent - other.exponent;
        if self.is_zero() {
            return Self::new(negative, Small(0), ideal).fixed(limits);
        }
        let shift = other.digits.count() as i64 - self.digits.count() as i64 + limits.precision + 1;
        if shift.unsigned_abs() > MOST_DIGITS {
            return None;
        }
        let mut exponent = ideal - shift;
        let (mut digits, rest) = if shift >= 0 {
            self.digits.padded(shift as u64).divide(&other.digits)
        } else {
            self.digits
                .divide(&other.digits.padded(shift.unsigned_abs()))
        };
        if !rest.is_zero() {
            // So that it is rounded as what it stands for.
            if digits.divide(&Small(5)).1.is_zero() {
                digits = digits.add(&Small(1));
            }
        } else {
            while exponent < ideal {
                let (shorter, last) = digits.divide(&Small(10));
                if !last.is_zero() {
                    break;
                }
                digits = shorter;
                exponent += 1;
            }
        }
        Self::new(negative, digits, exponent).fixed(limits)
    }

    /// The whole quotient, and what is left (which is not yet as the context has it).
    pub(super) fn divide_whole(&self, other: &Self, limits: &Limits) -> Option<(Self, Self)> {
        if other.is_zero() {
            return None;
        }
        let negative = self.negative != other.negative;
        let ideal = self.exponent.min(other.exponent);
        let distance = self.adjusted() - other.adjusted();
        if self.is_zero() || distance <= -2 {
            let rest = self.rescaled(ideal, limits.rounding)?.0;
            return Some((Self::new(negative, Small(0), 0), rest));
        }
        let (own, others) = (self.exponent - ideal, other.exponent - ideal);
        if distance > limits.precision || own.max(others) as u64 > MOST_DIGITS {
            return None;
        }
        let (quotient, rest) = self
            .digits
            .padded(own as u64)
            .divide(&other.digits.padded(others as u64));
        (quotient.count() as i64 <= limits.precision).then(|| {
            (
                Self::new(negative, quotient, 0),
                Self::new(self.negative, rest, ideal),
            )
        })
    }

    pub(super) fn floor_divide(&self, other: &Self, limits: &Limits) -> Outcome {
        let (quotient, _) = self.divide_whole(other, limits)?;
        Some((quotient, Signals::default()))
    }

    pub(super) fn remainder(&self, other: &Self, limits: &Limits) -> Outcome {
        self.divide_whole(other, limits)?.1.fixed(limits)
    }

    /// That many times itself.
    pub(super) fn raised(&self, times: u64, limits: &Limits) -> Outcome {
        let own = self.digits.count();
        if times == 0 || self.is_zero() || own.checked_mul(times)? > MOST_POWER_DIGITS {
            return None;
        }
        let digits = Coefficient::from(self.digits.big().pow(times.to_u32()?));
        if digits == Small(1) {
            return None;
        }
        let exponent = self.exponent.checked_mul(times as i64)?;
        if exponent.abs() > FAR {
            return None;
        }
        let negative = self.negative && times % 2 == 1;
        let outcome = Self::new(negative, digits, exponent).fixed(limits)?;
        // What was cut off and nothing was lost: Python finds another exponent for that.
        (outcome.1.rounded == outcome.1.inexact).then_some(outcome)
    }

    /// With the exponent of another.
    pub(super) fn quantized(&self, exponent: i64, rounding: Rounding, limits: &Limits) -> Outcome {
        if exponent < limits.least - limits.precision + 1 || exponent > limits.most {
            return None;
        }
        if self.is_zero() {
            return Self::new(self.negative, Small(0), exponent).fixed(limits);
        }
        let adjusted = self.adjusted();
        if adjusted > limits.most || adjusted - exponent + 1 > limits.precision {
            return None;
        }
        let (number, inexact) = self.rescaled(exponent, rounding)?;
        let adjusted = number.adjusted();
        if number.digits.count() as i64 > limits.precision
            || adjusted > limits.most
            || !number.is_zero() && adjusted < limits.least
        {
            return None;
        }
        let rounded = exponent > self.exponent;
        let (number, more) = number.fixed(limits)?;
        let signals = Signals { rounded, inexact };
        (more == Signals::default()).then_some((number, signals))
    }

    /// The order of two; `None` where what they have to be padded with is too much.
    pub(super) fn order(&self, other: &Self) -> Option<Ordering> {
        let sign = |number: &Self| match (number.is_zero(), number.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let (own, others) = (sign(self), sign(other));
        if own != others || own == 0 {
            return Some(own.cmp(&others));
        }
        let order = match self.adjusted().cmp(&other.adjusted()) {
            Ordering::Equal => {
                let least = self.exponent.min(other.exponent);
                let padding = |number: &Self| (number.exponent - least) as u64;
                if padding(self).max(padding(other)) > MOST_DIGITS {
                    return None;
                }
                let one = self.digits.padded(padding(self));
                one.order(&other.digits.padded(padding(other)))
            }
            order => order,
        };
        Some(if own < 0 { order.reverse() } else { order })
    }

    /// As whole numbers and floats of the same value have it.
    pub(super) fn hash(&self) -> Option<i64> {
        const PRIME: u128 = (1 << 61) - 1;
        // 10 times this is 1 more than a multiple of it.
        const TENTH: u128 = 2_075_258_708_292_324_556;
        let Small(digits) = self.digits else {
            return None;
        };
        let mut base = if self.exponent < 0 { TENTH } else { 10 };
        let mut times = self.exponent.unsigned_abs();
        let mut hash = digits % PRIME;
        while times > 0 {
            if times % 2 == 1 {
                hash = hash * base % PRIME;
            }
            base = base * base % PRIME;
            times /= 2;
        }
        let hash = hash as i64;
        let hash = if self.negative { -hash } else { hash };
        Some(if hash == -1 { -2 } else { hash })
    }

    /// The whole number towards zero, without its sign.
    pub(super) fn whole(&self) -> Option<Coefficient> {
        if self.exponent >= 0 {
            return (self.exponent as u64 <= MOST_DIGITS)
                .then(|| self.digits.padded(self.exponent as u64));
        }
        let count = self.exponent.unsigned_abs();
        Some(self.digits.cut(self.digits.count(), count).0)
    }

    /// In scientific notation where its exponent wants that, as `str` has it.
    pub(super) fn text(&self, capital: bool) -> String {
        let digits = self.digits.text();
        let left = self.exponent + digits.len() as i64;
        let plain = self.exponent <= 0 && left > -6;
        let mut text = String::with_capacity(digits.len() + 12);
        if self.negative {
            text.push('-');
        }
        point(&mut text, &digits, if plain { left } else { 1 });
        if !plain && left != 1 {
            text.push(if capital { 'E' } else { 'e' });
            text.push_str(&format!("{:+}", left - 1));
        }
        text
    }

    /// As a format of the form `.2f` or `,.2f` has it, and no other.
    pub(super) fn formatted(&self, specifier: &str, rounding: Rounding) -> Option<String> {
        let form = specifier.strip_suffix('f')?;
        let (commas, form) = match form.strip_prefix(',') {
            Some(form) => (true, form),
            None => (false, form),
        };
        let places = form.strip_prefix('.')?;
        if places.is_empty() || places.len() > 3 || self.exponent > 0 {
            return None;
        }
        if !places.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        self.fixed_point(places.parse().ok()?, commas, rounding)
    }

    /// With that many digits after the point, and perhaps a comma before every third before it.
    fn fixed_point(&self, places: u32, commas: bool, rounding: Rounding) -> Option<String> {
        let (number, _) = self.rescaled(-i64::from(places), rounding)?;
        let digits = number.digits.text();
        let whole = digits.len().saturating_sub(places as usize);
        let mut text = String::with_capacity(digits.len() * 4 / 3 + 4);
        if self.negative {
            text.push('-');
        }
        let (before, after) = digits.split_at_checked(whole)?;
        if before.is_empty() {
            text.push('0');
        }
        for (at, digit) in before.char_indices() {
            if commas && at > 0 && (whole - at) % 3 == 0 {
                text.push(',');
            }
            text.push(digit);
        }
        if places > 0 {
            text.push('.');
            for _ in after.len()..places as usize {
                text.push('0');
            }
            text.push_str(after);
        }
        Some(text)
    }
}

/// Puts the point after that many of the digits.
fn point(text: &mut String, digits: &str, place: i64) {
    if place <= 0 {
        text.push_str("0.");
        for _ in place..0 {
            text.push('0');
        }
        text.push_str(digits);
        return;
    }
    match digits.split_at_checked(place as usize) {
        Some((whole, part)) if !part.is_empty() => {
            text.push_str(whole);
            text.push('.');
            text.push_str(part);
        }
        _ => {
            text.push_str(digits);
            for _ in digits.len()..place as usize {
                text.push('0');
            }
        }
    }
}

/// What is written as a plain number, in ASCII: a sign, digits with a point, an exponent.
pub(super) fn parse(text: &str) -> Option<Finite> {
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (rest.get(..at)?, Some(rest.get(at + 1..)?)),
        None => (rest, None),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(part) || whole.is_empty() && part.is_empty() {
        return None;
    }
    let exponent = match exponent {
        Some(text) => {
            let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
            if digits.is_empty() || digits.len() > 18 || !plain(digits) {
                return None;
            }
            text.parse::<i64>().ok()?
        }
        None => 0,
    };
    let digits = if part.is_empty() {
        Coefficient::parse(whole)?
    } else {
        Coefficient::parse(&[whole, part].concat())?
    };
    Some(Finite::new(negative, digits, exponent - part.len() as i64))
}
