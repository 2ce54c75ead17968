//! Medians and the quarters around them.

/// A sample, in order.
pub(crate) struct Figures(Vec<f64>);

impl Figures {
    pub(crate) fn of(sample: impl IntoIterator<Item = f64>) -> Figures {
        let mut sample: Vec<f64> = sample.into_iter().collect();
        sample.sort_by(f64::total_cmp);
        Figures(sample)
    }

    /// The value below which this part of the sample lies.
    fn at(&self, part: f64) -> f64 {
        let last = self.0.len() - 1;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a place in a short list"
        )]
        let place = (last as f64 * part).round() as usize;
        self.0[place]
    }

    pub(crate) fn median(&self) -> f64 {
        self.at(0.5)
    }
}

/// The median and the quarters: `1.042 (1.031 to 1.060)`.
impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = f.precision().unwrap_or(3);
        let (low, middle, high) = (self.at(0.25), self.median(), self.at(0.75));
        write!(f, "{middle:.digits$} ({low:.digits$} to {high:.digits$})")
    }
}
