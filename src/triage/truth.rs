//! Kleene's strong three-valued logic.

/// True, false, or not known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Truth {
    False,
    Unknown,
    True,
}

impl Truth {
    pub(crate) const fn of(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }

    pub(crate) const fn not(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
            Self::True => Self::False,
        }
    }

    pub(crate) const fn is_true(self) -> bool {
        matches!(self, Self::True)
    }

    pub(crate) const fn is_possible(self) -> bool {
        !matches!(self, Self::False)
    }

    /// False if any is false, else unknown if any is unknown, else true.
    pub(crate) fn all(values: impl Iterator<Item = Self>) -> Self {
        let mut result = Self::True;
        for value in values {
            match value {
                Self::False => return Self::False,
                Self::Unknown => result = Self::Unknown,
                Self::True => {}
            }
        }
        result
    }

    /// True if any is true, else unknown if any is unknown, else false.
    pub(crate) fn any(values: impl Iterator<Item = Self>) -> Self {
        Self::all(values.map(Self::not)).not()
    }
}

#[cfg(test)]
mod tests {
    use super::Truth::{self, False, True, Unknown};

    #[test]
    fn the_tables_are_kleenes() {
        let all = |a: Truth, b: Truth| Truth::all([a, b].into_iter());
        let any = |a: Truth, b: Truth| Truth::any([a, b].into_iter());
        assert_eq!(all(False, Unknown), False);
        assert_eq!(all(True, Unknown), Unknown);
        assert_eq!(any(True, Unknown), True);
        assert_eq!(any(False, Unknown), Unknown);
        assert_eq!(Unknown.not(), Unknown);
    }
}
