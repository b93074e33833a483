// The plugin of a scenario: its hooks, and the lists of operations that they carry out. Mirrors
// lab/scenario/src/http/hooks.rs.

#include "stage.h"

#include <cstdlib>
#include <cstring>

namespace atslab
{
namespace
{
struct Place {
  const char *name;
  TSHttpHookID hook;
  TSEvent event;
};

const Place PLACES[] = {
  {"READ_REQUEST_HDR", TS_HTTP_READ_REQUEST_HDR_HOOK, TS_EVENT_HTTP_READ_REQUEST_HDR},
  {"OS_DNS", TS_HTTP_OS_DNS_HOOK, TS_EVENT_HTTP_OS_DNS},
  {"SEND_REQUEST_HDR", TS_HTTP_SEND_REQUEST_HDR_HOOK, TS_EVENT_HTTP_SEND_REQUEST_HDR},
  {"READ_RESPONSE_HDR", TS_HTTP_READ_RESPONSE_HDR_HOOK, TS_EVENT_HTTP_READ_RESPONSE_HDR},
  {"SEND_RESPONSE_HDR", TS_HTTP_SEND_RESPONSE_HDR_HOOK, TS_EVENT_HTTP_SEND_RESPONSE_HDR},
  {"TXN_START", TS_HTTP_TXN_START_HOOK, TS_EVENT_HTTP_TXN_START},
  {"TXN_CLOSE", TS_HTTP_TXN_CLOSE_HOOK, TS_EVENT_HTTP_TXN_CLOSE},
  {"SSN_START", TS_HTTP_SSN_START_HOOK, TS_EVENT_HTTP_SSN_START},
  {"SSN_CLOSE", TS_HTTP_SSN_CLOSE_HOOK, TS_EVENT_HTTP_SSN_CLOSE},
  {"CACHE_LOOKUP_COMPLETE", TS_HTTP_CACHE_LOOKUP_COMPLETE_HOOK, TS_EVENT_HTTP_CACHE_LOOKUP_COMPLETE},
  {"PRE_REMAP", TS_HTTP_PRE_REMAP_HOOK, TS_EVENT_HTTP_PRE_REMAP},
  {"POST_REMAP", TS_HTTP_POST_REMAP_HOOK, TS_EVENT_HTTP_POST_REMAP},
};

const char *
name_of(TSEvent event)
{
  for (const Place &place : PLACES) {
    if (place.event == event) {
      return place.name;
    }
  }
  return "a hook without a name";
}

void
give_back(Stage *stage, TSHttpTxn txn, uint64_t id, TSEvent event)
{
  {
    std::lock_guard<std::recursive_mutex> lock(stage->mutex);
    auto found = stage->txns.find(id);
    if (found != stage->txns.end()) {
      found->second.held = nullptr;
    }
  }
  TSHttpTxnReenable(txn, event);
}

// One of the four heads of a transaction; false if there is none.
bool
head_of(TSHttpTxn txn, const std::string &which, TSMBuffer &buffer, TSMLoc &head)
{
  auto get = which == "client_request"  ? TSHttpTxnClientReqGet :
             which == "server_request"  ? TSHttpTxnServerReqGet :
             which == "server_response" ? TSHttpTxnServerRespGet :
                                          TSHttpTxnClientRespGet;
  return get(txn, &buffer, &head) == TS_SUCCESS;
}

std::string
first_line(TSMBuffer buffer, TSMLoc head)
{
  TSIOBuffer printed      = TSIOBufferCreate();
  TSIOBufferReader reader = TSIOBufferReaderAlloc(printed);
  TSHttpHdrPrint(buffer, head, printed);
  std::string text(TSIOBufferReaderAvail(reader), '\0');
  TSIOBufferReaderCopy(reader, &text[0], text.size());
  TSIOBufferDestroy(printed);
  return text.substr(0, text.find('\r'));
}

// A list of operations under way.
struct List {
  // Its run. A late event of an earlier run must not be taken for one of the next.
  Stage *stage;
  const HookList *list;
  TSHttpTxn txn;
  uint64_t id;
  std::string name;
  EThread *home;
  size_t at = 0;

  void go_on();

private:
  void later(EThread *thread, int64_t span);
  void go(const std::string &thread);
  void see(const Op &op);
  void change(const Op &op);
};

// Carries out the rest of a list, and forgets it.
void
go_on_with(List *list)
{
  list->stage->note_activity();
  if (!list->stage->ending) {
    list->go_on();
  }
  --list->stage->pending;
  delete list;
}

int
resume(TSCont cont, TSEvent, void *)
{
  List *list = static_cast<List *>(TSContDataGet(cont));
  TSContDestroy(cont);
  go_on_with(list);
  return 0;
}

int
resume_task(TSCont cont, TSEvent event, void *data)
{
  Stage *stage = static_cast<List *>(TSContDataGet(cont))->stage;
  resume(cont, event, data);
  --stage->tasks;
  return 0;
}

// A hook of one transaction alone.
struct OwnHook {
  Stage *stage;
  std::string name;
};

int
own_hook(TSCont cont, TSEvent event, void *data)
{
  auto *own = static_cast<OwnHook *>(TSContDataGet(cont));
  own->stage->note(own->name, std::string(name_of(event)) + ", own hook");
  TSHttpTxnReenable(static_cast<TSHttpTxn>(data), TS_EVENT_HTTP_CONTINUE);
  return 0;
}

// The rest of the list is carried out on this thread, after `span` nanoseconds.
void
List::later(EThread *thread, int64_t span)
{
  ++stage->pending;
  TSCont cont = TSContCreate(resume, TSMutexCreate());
  TSContDataSet(cont, new List(*this));
  span > 0 ? call_in(thread, cont, span, TS_EVENT_TIMEOUT) : call_soon(thread, cont, TS_EVENT_IMMEDIATE);
}

void
List::go(const std::string &thread)
{
  if (thread == "home") {
    later(home, 0);
  } else if (thread == "other") {
    later(net_threads[home == net_threads[0] && net_threads[1] ? 1 : 0], 0);
  } else if (thread == "task") {
    ++stage->pending;
    ++stage->tasks;
    TSCont cont = TSContCreate(resume_task, TSMutexCreate());
    TSContDataSet(cont, new List(*this));
    TSContScheduleOnPool(cont, 0, TS_THREAD_POOL_TASK);
  } else {
    ++stage->pending;
    auto *rest = new List(*this);
    std::lock_guard<std::recursive_mutex> lock(stage->mutex);
    stage->foreign.push_back([rest] { go_on_with(rest); });
  }
}

void
List::see(const Op &op)
{
  TSMBuffer buffer;
  TSMLoc head;
  std::string found = "nothing";
  if (head_of(txn, op.first, buffer, head)) {
    if (op.second.empty()) {
      found = first_line(buffer, head);
    } else if (TSMLoc field = TSMimeHdrFieldFind(buffer, head, op.second.data(), op.second.size())) {
      int length        = 0;
      const char *value = TSMimeHdrFieldValueStringGet(buffer, head, field, -1, &length);
      found             = std::string(value, length);
      TSHandleMLocRelease(buffer, head, field);
    }
    TSHandleMLocRelease(buffer, TS_NULL_MLOC, head);
  }
  stage->note(name, "sees " + op.first + (op.second.empty() ? "" : " " + op.second) + ": " + found);
}

void
List::change(const Op &op)
{
  TSMBuffer buffer;
  TSMLoc head;
  if (!head_of(txn, op.first, buffer, head)) {
    return;
  }
  if (op.name == "remove") {
    while (TSMLoc field = TSMimeHdrFieldFind(buffer, head, op.second.data(), op.second.size())) {
      TSMimeHdrFieldDestroy(buffer, head, field);
      TSHandleMLocRelease(buffer, head, field);
    }
  } else {
    // The name ends with a colon.
    const int length = op.second.size() - 1;
    TSMLoc field     = op.name == "set" ? TSMimeHdrFieldFind(buffer, head, op.second.data(), length) : nullptr;
    bool is_new      = !field;
    if (is_new) {
      TSMimeHdrFieldCreateNamed(buffer, head, op.second.data(), length, &field);
    }
    TSMimeHdrFieldValueStringSet(buffer, head, field, -1, op.rest.data(), op.rest.size());
    if (is_new) {
      TSMimeHdrFieldAppend(buffer, head, field);
    }
    TSHandleMLocRelease(buffer, head, field);
  }
  TSHandleMLocRelease(buffer, TS_NULL_MLOC, head);
}

void
List::go_on()
{
  while (at < list->ops.size()) {
    const Op &op = list->ops[at++];
    if (op.name == "wait") {
      return later(home, atoll(op.first.c_str()));
    } else if (op.name == "go") {
      return go(op.first);
    } else if (op.name == "reenable" || op.name == "error") {
      stage->note(name, op.name);
      give_back(stage, txn, id, op.name == "error" ? TS_EVENT_HTTP_ERROR : TS_EVENT_HTTP_CONTINUE);
    } else if (op.name == "see") {
      see(op);
    } else if (op.name == "status") {
      TSHttpTxnStatusSet(txn, static_cast<TSHttpStatus>(atoi(op.first.c_str())));
    } else if (op.name == "server_intercept") {
      TSHttpTxnServerIntercept((new User("o"))->cont, txn);
    } else if (op.name == "intercept") {
      TSHttpTxnIntercept((new User("o"))->cont, txn);
    } else if (op.name == "hook") {
      for (const Place &place : PLACES) {
        if (op.first == place.name) {
          TSCont cont = TSContCreate(own_hook, nullptr);
          TSContDataSet(cont, new OwnHook{stage, name});
          TSHttpTxnHookAdd(txn, place.hook, cont);
        }
      }
    } else {
      change(op);
    }
  }
}

void
session_called(TSEvent event, TSHttpSsn ssn)
{
  {
    std::lock_guard<std::recursive_mutex> lock(stage->mutex);
    int64_t id    = TSHttpSsnIdGet(ssn);
    size_t number = 0;
    while (number < stage->sessions.size() && stage->sessions[number] != id) {
      ++number;
    }
    if (number == stage->sessions.size()) {
      stage->sessions.push_back(id);
    }
    stage->open_sessions += event == TS_EVENT_HTTP_SSN_CLOSE ? -1 : 1;
    stage->note("session " + std::to_string(number + 1), name_of(event));
  }
  TSHttpSsnReenable(ssn, TS_EVENT_HTTP_CONTINUE);
}

int
called(TSCont, TSEvent event, void *data)
{
  if (!stage) {
    // A client of the server's own, before the first run.
    if (event == TS_EVENT_HTTP_SSN_START || event == TS_EVENT_HTTP_SSN_CLOSE) {
      TSHttpSsnReenable(static_cast<TSHttpSsn>(data), TS_EVENT_HTTP_CONTINUE);
    } else {
      TSHttpTxnReenable(static_cast<TSHttpTxn>(data), TS_EVENT_HTTP_CONTINUE);
    }
    return 0;
  }
  if (event == TS_EVENT_HTTP_SSN_START || event == TS_EVENT_HTTP_SSN_CLOSE) {
    session_called(event, static_cast<TSHttpSsn>(data));
    return 0;
  }
  auto txn              = static_cast<TSHttpTxn>(data);
  const std::string hook = name_of(event);
  List list{stage, nullptr, txn, TSHttpTxnIdGet(txn), "", nullptr};
  bool intercepts = false;
  {
    std::lock_guard<std::recursive_mutex> lock(stage->mutex);
    int number = stage->txns.size() + 1;
    Txn &of    = stage->txns[list.id];
    if (of.number == 0) {
      of.number = number;
      of.home   = this_event_thread();
    }
    of.held = txn;
    of.is_closed |= event == TS_EVENT_HTTP_TXN_CLOSE;
    intercepts = event == TS_EVENT_HTTP_READ_REQUEST_HDR && !of.is_intercepted;
    of.is_intercepted |= intercepts;
    int nth = ++stage->hook_counts[hook];
    stage->moments.emplace_back(hook, nth);
    list.name = "txn " + std::to_string(of.number);
    list.home = of.home;
    list.list = stage->scenario.list(hook, nth);
    stage->note(list.name, hook + (of.home == this_event_thread() ? "" : ", on another thread"));
  }
  if (intercepts && stage->scenario.origin == "server_intercept") {
    TSHttpTxnServerIntercept((new User("o"))->cont, txn);
  } else if (intercepts && stage->scenario.origin == "intercept") {
    TSHttpTxnIntercept((new User("o"))->cont, txn);
  }
  if (list.list && !stage->ending) {
    list.go_on();
  } else {
    give_back(list.stage, txn, list.id, TS_EVENT_HTTP_CONTINUE);
  }
  return 0;
}
} // namespace

void
install_hooks()
{
  TSCont cont = TSContCreate(called, nullptr);
  for (const Place &place : PLACES) {
    TSHttpHookAdd(place.hook, cont);
  }
}
} // namespace atslab
