//! The types of the objects that the table owns, and [`AnyObject`], an object of any of them.
//!
//! A look-up compares two numbers to learn whether an object has the wanted type. With `dyn Any` each
//! look-up would call a function for that, and there are some hundred of them in an answer.

use std::sync::Arc;

use super::Kind;
use crate::host::action::Action;
use crate::host::aio::Aio;
use crate::host::buffer::{Block, Buffer, Reader};
use crate::host::connection::Connection;
use crate::host::continuation::PluginCont;
use crate::host::fetch::Fetch;
use crate::host::field::Field;
use crate::host::files::PluginFile;
use crate::host::head::{Head, MBuffer};
use crate::host::locks::PluginMutex;
use crate::host::parser::Parser;
use crate::host::text_log::TextLog;
use crate::host::threads::PluginThread;
use crate::host::transaction::{Session, Transaction};
use crate::host::url::Url;
use crate::host::uuid::Uuid;

/// What the table can own.
pub(crate) trait Object: Send + Sync + Sized + 'static {
    /// What the handles of these objects stand for.
    const KIND: Kind;

    /// As the table keeps it.
    fn into_any(object: Arc<Self>) -> AnyObject;

    /// The object, if it is of this type.
    fn from_any(any: AnyObject) -> Option<Arc<Self>>;
}

/// Each line is a kind and the type of its objects.
macro_rules! objects {
    ($($kind:ident = $type:ty,)*) => {
        /// An object of any kind.
        #[derive(Clone)]
        pub(crate) enum AnyObject {
            $($kind(Arc<$type>),)*
            /// Of a type that a test has made.
            #[cfg(test)]
            OfTest(Arc<dyn std::any::Any + Send + Sync>),
        }

        $(impl Object for $type {
            const KIND: Kind = Kind::$kind;

            #[inline]
            fn into_any(object: Arc<Self>) -> AnyObject {
                AnyObject::$kind(object)
            }

            #[inline]
            fn from_any(any: AnyObject) -> Option<Arc<Self>> {
                match any {
                    AnyObject::$kind(object) => Some(object),
                    _ => None,
                }
            }
        })*
    };
}

objects! {
    Continuation = PluginCont,
    Mutex = PluginMutex,
    Connection = Connection,
    Buffer = Buffer,
    Reader = Reader,
    Block = Block,
    MBuffer = MBuffer,
    Head = Head,
    Url = Url,
    Field = Field,
    Transaction = Transaction,
    Session = Session,
    Action = Action,
    Parser = Parser,
    File = PluginFile,
    Thread = PluginThread,
    Fetch = Fetch,
    Uuid = Uuid,
    TextLog = TextLog,
    Aio = Aio,
}

/// Makes a type of a test an [`Object`] of a kind.
#[cfg(test)]
macro_rules! object_of_test {
    ($kind:ident = $type:ty) => {
        impl $crate::host::table::Object for $type {
            const KIND: $crate::host::table::Kind = $crate::host::table::Kind::$kind;

            fn into_any(object: std::sync::Arc<Self>) -> $crate::host::table::AnyObject {
                $crate::host::table::AnyObject::OfTest(object)
            }

            fn from_any(any: $crate::host::table::AnyObject) -> Option<std::sync::Arc<Self>> {
                match any {
                    $crate::host::table::AnyObject::OfTest(object) => object.downcast().ok(),
                    _ => None,
                }
            }
        }
    };
}

#[cfg(test)]
pub(super) use object_of_test;
