// A plugin that holds transactions, for tests/live/hold. The path says where and how:
//
//   /hold/HOOK/MILLISECONDS/EVENT/NAME     each time that HOOK is called, it is given
//                                          back later, with EVENT c (continue) or e (error)
//
// A request for /start/MILLISECONDS lets every later transaction be held at TXN_START,
// where there is no path yet. Two plugins are at each hook, and the first one holds.
// The log, whose name is the argument, has a line for each call: seconds, transaction,
// what.
#include <ts/ts.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>

namespace {

FILE *log_file;
int path_index;
int held_at_start_ms = -1;

void note(TSHttpTxn txn, const char *format, ...) __attribute__((format(printf, 2, 3)));
void note(TSHttpTxn txn, const char *format, ...) {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  fprintf(log_file, "%ld.%03ld %llu ", static_cast<long>(now.tv_sec), now.tv_nsec / 1000000,
          static_cast<unsigned long long>(TSHttpTxnIdGet(txn)));
  va_list args;
  va_start(args, format);
  vfprintf(log_file, format, args);
  va_end(args);
  fputc('\n', log_file);
  fflush(log_file);
}

const char *name_of(TSEvent event) {
  switch (event) {
  case TS_EVENT_HTTP_TXN_START: return "TXN_START";
  case TS_EVENT_HTTP_READ_REQUEST_HDR: return "READ_REQUEST_HDR";
  case TS_EVENT_HTTP_PRE_REMAP: return "PRE_REMAP";
  case TS_EVENT_HTTP_POST_REMAP: return "POST_REMAP";
  case TS_EVENT_HTTP_CACHE_LOOKUP_COMPLETE: return "CACHE_LOOKUP_COMPLETE";
  case TS_EVENT_HTTP_SEND_REQUEST_HDR: return "SEND_REQUEST_HDR";
  case TS_EVENT_HTTP_READ_RESPONSE_HDR: return "READ_RESPONSE_HDR";
  case TS_EVENT_HTTP_SEND_RESPONSE_HDR: return "SEND_RESPONSE_HDR";
  default: return "TXN_CLOSE";
  }
}

// The part of a path with this number, counted from 0.
std::string part(const std::string &path, int number) {
  size_t at = 0;
  for (; number > 0; number--) {
    at = path.find('/', at);
    if (at == std::string::npos) {
      return "";
    }
    at++;
  }
  return path.substr(at, path.find('/', at) - at);
}

// The path that the client has asked for. It is kept: later it is remapped.
std::string path_of(TSHttpTxn txn) {
  if (auto *kept = static_cast<std::string *>(TSUserArgGet(txn, path_index))) {
    return *kept;
  }
  std::string path;
  TSMBuffer buffer;
  TSMLoc head, url;
  if (TSHttpTxnClientReqGet(txn, &buffer, &head) != TS_SUCCESS) {
    return path;
  }
  if (TSHttpHdrUrlGet(buffer, head, &url) == TS_SUCCESS) {
    int length = 0;
    const char *text = TSUrlPathGet(buffer, url, &length);
    if (length > 0) {
      path.assign(text, length);
      TSUserArgSet(txn, path_index, new std::string(path));
    }
    TSHandleMLocRelease(buffer, head, url);
  }
  TSHandleMLocRelease(buffer, TS_NULL_MLOC, head);
  return path;
}

struct Later {
  TSHttpTxn txn;
  TSEvent event;
};

int give_back(TSCont cont, TSEvent, void *) {
  auto *later = static_cast<Later *>(TSContDataGet(cont));
  note(later->txn, "given back");
  TSHttpTxnReenable(later->txn, later->event);
  delete later;
  TSContDestroy(cont);
  return 0;
}

int first(TSCont, TSEvent event, void *data) {
  auto *txn = static_cast<TSHttpTxn>(data);
  std::string path, hook, ms;
  TSEvent back = TS_EVENT_HTTP_CONTINUE;
  if (event == TS_EVENT_HTTP_TXN_START) {
    if (held_at_start_ms >= 0) {
      hook = "TXN_START", ms = std::to_string(held_at_start_ms);
    }
  } else {
    path = path_of(txn);
    if (part(path, 0) == "start") {
      held_at_start_ms = atoi(part(path, 1).c_str());
    }
    if (part(path, 0) == "hold" || part(path, 0) == "refused") {
      hook = part(path, 1), ms = part(path, 2);
      back = part(path, 3) == "e" ? TS_EVENT_HTTP_ERROR : TS_EVENT_HTTP_CONTINUE;
    }
  }
  note(txn, "1 %s %s", name_of(event), path.c_str());
  if (hook != name_of(event)) {
    TSHttpTxnReenable(txn, TS_EVENT_HTTP_CONTINUE);
    return 0;
  }
  TSCont cont = TSContCreate(give_back, TSMutexCreate());
  TSContDataSet(cont, new Later{txn, back});
  TSContScheduleOnPool(cont, atoi(ms.c_str()), TS_THREAD_POOL_NET);
  return 0;
}

int second(TSCont, TSEvent event, void *data) {
  auto *txn = static_cast<TSHttpTxn>(data);
  note(txn, "2 %s", name_of(event));
  TSHttpTxnReenable(txn, TS_EVENT_HTTP_CONTINUE);
  return 0;
}

} // namespace

void TSPluginInit(int argc, const char **argv) {
  TSPluginRegistrationInfo info{"hold", "atslab", ""};
  TSPluginRegister(&info);
  log_file = fopen(argc > 1 ? argv[1] : "hold.log", "w");
  TSUserArgIndexReserve(TS_USER_ARGS_TXN, "hold", "the path of the request", &path_index);
  TSCont one = TSContCreate(first, nullptr), two = TSContCreate(second, nullptr);
  for (TSHttpHookID hook :
       {TS_HTTP_TXN_START_HOOK, TS_HTTP_READ_REQUEST_HDR_HOOK, TS_HTTP_PRE_REMAP_HOOK,
        TS_HTTP_POST_REMAP_HOOK, TS_HTTP_CACHE_LOOKUP_COMPLETE_HOOK, TS_HTTP_SEND_REQUEST_HDR_HOOK,
        TS_HTTP_READ_RESPONSE_HDR_HOOK, TS_HTTP_SEND_RESPONSE_HDR_HOOK, TS_HTTP_TXN_CLOSE_HOOK}) {
    TSHttpHookAdd(hook, one);
    TSHttpHookAdd(hook, two);
  }
}
