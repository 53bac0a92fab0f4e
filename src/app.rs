//! Composition root and stop order.
