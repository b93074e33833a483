//! pvc
