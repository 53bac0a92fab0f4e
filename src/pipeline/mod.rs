//! The product, readable in one sitting.
