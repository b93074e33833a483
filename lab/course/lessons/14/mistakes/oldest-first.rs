        let link = listener.link();
        assert!(link.chain().is_none(), "(listener->stream_) == nullptr");
        link.set_chain(Rc::downgrade(self));
        let entry = Entry { id: link.id(), listener: Rc::downgrade(listener) };
        let mut listeners = self.listeners.borrow_mut();
        link.set_previous(listeners.last().map(|entry| Weak::clone(&entry.listener)));
        listeners.insert(0, entry);
