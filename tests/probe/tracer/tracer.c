/* A plugin that writes down the calls of another plugin: name, arguments, texts, result, callbacks.

   The same file is loaded by the real server and by the port, so neither can favour itself. It changes
   the table of addresses (GOT) of the traced plugin, so that each call of the interface goes through
   a piece of code of its own ("stub"), which notes the call and jumps on. The traced plugin is not changed
   otherwise.

   plugin.config: tracer.so TRACED.so      The calls go to the file that ATSLAB_TRACE names.

   Only for x86-64: the stubs know how it passes arguments. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ts/ts.h>

typedef struct {
  const char *name;
  char result;
  const char *arguments;
} Function;

static const Function FUNCTIONS[] = {
#define FUNCTION(name, result, arguments) {#name, result, arguments},
#include "functions.h"
#undef FUNCTION
};

enum { N_FUNCTIONS = sizeof(FUNCTIONS) / sizeof(*FUNCTIONS), N_REGISTERS = 6, DEEPEST = 128, N_HANDLERS = 48 };

static void *the_function[N_FUNCTIONS];
static const char *traced;
static FILE *out;
static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;

/* A call that has not returned. */
typedef struct {
  int function;
  uint64_t back;
  uint64_t registers[N_REGISTERS];
} Call;

static __thread Call calls[DEEPEST];
static __thread int n_calls;
static __thread int depth;

static void
indent(void)
{
  for (int i = 0; i < depth; i++) {
    fputs("  ", out);
  }
}

static void
write_text(const char *text, long length)
{
  if (!text) {
    fputs("NULL", out);
    return;
  }
  if (length < 0) {
    length = strlen(text);
  }
  fputc('"', out);
  for (long i = 0; i < length && i < 200; i++) {
    unsigned char c = text[i];
    if (c == '"' || c < 32 || c > 126) {
      fprintf(out, "\\x%02x", c);
    } else {
      fputc(c, out);
    }
  }
  fputc('"', out);
}

/* Handlers: the server gets one of ours for each, which notes the callback and calls the plugin's. */
static TSEventFunc handlers[N_HANDLERS];
static int n_handlers;

static int
call_back(int n, TSCont cont, TSEvent event, void *data)
{
  pthread_mutex_lock(&writing);
  indent();
  fprintf(out, "> f%d %%%lx %d %%%lx\n", n, (long)cont, event, (long)data);
  pthread_mutex_unlock(&writing);
  depth++;
  int result = handlers[n](cont, event, data);
  depth--;
  pthread_mutex_lock(&writing);
  indent();
  fprintf(out, "< %d\n", result);
  fflush(out);
  pthread_mutex_unlock(&writing);
  return result;
}

#define EACH(X)                                                                                           \
  X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) X(18)   \
    X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31) X(32) X(33) X(34) X(35)   \
      X(36) X(37) X(38) X(39) X(40) X(41) X(42) X(43) X(44) X(45) X(46) X(47)
#define OURS(n)                                          \
  static int ours_##n(TSCont c, TSEvent e, void *d)      \
  {                                                      \
    return call_back(n, c, e, d);                        \
  }
EACH(OURS)
#define NAME(n) ours_##n,
static const TSEventFunc ours[N_HANDLERS] = {EACH(NAME)};

/* The number of a handler, ours or the plugin's; a new one for a new handler. */
static int
number_of_handler(TSEventFunc handler)
{
  for (int n = 0; n < n_handlers; n++) {
    if (handlers[n] == handler || ours[n] == handler) {
      return n;
    }
  }
  if (n_handlers == N_HANDLERS) {
    return -1;
  }
  handlers[n_handlers] = handler;
  return n_handlers++;
}

/* The stub of a function calls this before the function. Returns where the function is. */
__attribute__((used)) static uint64_t
enter(uint64_t function, uint64_t *registers, uint64_t back)
{
  const Function *f = &FUNCTIONS[function];
  pthread_mutex_lock(&writing);
  for (int i = 0; f->arguments[i] && i < N_REGISTERS; i++) {
    if (f->arguments[i] == 'F' && registers[i]) {
      int n = number_of_handler((TSEventFunc)registers[i]);
      registers[i] = n < 0 ? registers[i] : (uint64_t)ours[n];
    }
  }
  pthread_mutex_unlock(&writing);
  if (n_calls == DEEPEST) {
    abort();
  }
  Call *call = &calls[n_calls++];
  call->function = function;
  call->back = back;
  memcpy(call->registers, registers, sizeof(call->registers));
  depth++;
  return (uint64_t)the_function[function];
}

static void
write_argument(const Function *f, int i, const uint64_t *r)
{
  char next = f->arguments[i + 1];
  switch (f->arguments[i]) {
  case 'h':
    fprintf(out, "%%%lx", (long)r[i]);
    break;
  case 'i':
    fprintf(out, "%d", (int)r[i]);
    break;
  case 'l':
    fprintf(out, "%ld", (long)r[i]);
    break;
  case 's':
    /* With a length behind it, it need not end with a NUL; the end of a text to be parsed is a place. */
    if (next == 'i') {
      write_text((const char *)r[i], (int)r[i + 1]);
    } else if (next == 'l') {
      write_text((const char *)r[i], (long)r[i + 1]);
    } else if (strstr(f->name, "Parse")) {
      fputs("p", out);
    } else {
      write_text((const char *)r[i], -1);
    }
    break;
  case 'H':
    r[i] ? fprintf(out, "*%%%lx", *(long *)r[i]) : fputs("NULL", out);
    break;
  case 'I':
    r[i] ? fprintf(out, "*%d", *(int *)r[i]) : fputs("NULL", out);
    break;
  case 'L':
    r[i] ? fprintf(out, "*%ld", *(long *)r[i]) : fputs("NULL", out);
    break;
  case 'F':
    fprintf(out, "f%d", number_of_handler((TSEventFunc)r[i]));
    break;
  default:
    fputs(r[i] ? "p" : "NULL", out);
  }
}

/* A text that is returned has its length at a place that the plugin has given. */
static void
write_text_result(const Function *f, const uint64_t *r, const char *result)
{
  long length = -1;
  for (int i = 0; f->arguments[i] && i < N_REGISTERS; i++) {
    if (f->arguments[i] == 'I' && r[i]) {
      length = *(int *)r[i];
    } else if (f->arguments[i] == 'L' && r[i]) {
      length = *(long *)r[i];
    }
  }
  if (length >= 0 || strstr(f->name, "Lookup")) {
    write_text(result, length);
  } else {
    fputs(result ? "p" : "NULL", out);
  }
}

/* The function has returned to the stub. Returns where the stub returns to. */
__attribute__((used)) static uint64_t
leave(uint64_t result)
{
  Call *call = &calls[--n_calls];
  const Function *f = &FUNCTIONS[call->function];
  depth--;
  pthread_mutex_lock(&writing);
  indent();
  fprintf(out, "%s(", f->name);
  for (int i = 0; f->arguments[i] && i < N_REGISTERS; i++) {
    fputs(i ? ", " : "", out);
    write_argument(f, i, call->registers);
  }
  fputs(")", out);
  if (f->result != 'v') {
    fputs(" = ", out);
  }
  switch (f->result) {
  case 'v':
    break;
  case 'h':
    fprintf(out, "%%%lx", (long)result);
    break;
  case 'i':
    fprintf(out, "%d", (int)result);
    break;
  case 'l':
    fprintf(out, "%ld", (long)result);
    break;
  case 's':
  case 'S':
    write_text_result(f, call->registers, (const char *)result);
    break;
  default:
    fputs(result ? "p" : "NULL", out);
  }
  fputc('\n', out);
  fflush(out);
  pthread_mutex_unlock(&writing);
  return call->back;
}

/* The stubs, 16 bytes each: push the number, go on in the part that all share. It keeps the registers of
   the arguments, calls enter(), puts its own address in the place of the return address, and jumps. So
   arguments on the stack stay where they are. */
extern char stubs[];
__asm__(".text\n"
        ".balign 16\n"
        "stubs:\n"
        ".set number, 0\n"
        ".rept 528\n"
        ".balign 16\n"
        "  push $number\n"
        "  jmp shared\n"
        ".set number, number + 1\n"
        ".endr\n"
        "shared:\n"
        "  push %r9\n  push %r8\n  push %rcx\n  push %rdx\n  push %rsi\n  push %rdi\n"
        "  push %rax\n"
        "  sub $136, %rsp\n"
        "  movups %xmm0, (%rsp)\n   movups %xmm1, 16(%rsp)\n  movups %xmm2, 32(%rsp)\n"
        "  movups %xmm3, 48(%rsp)\n movups %xmm4, 64(%rsp)\n  movups %xmm5, 80(%rsp)\n"
        "  movups %xmm6, 96(%rsp)\n movups %xmm7, 112(%rsp)\n"
        "  mov 192(%rsp), %rdi\n" /* the number */
        "  lea 144(%rsp), %rsi\n" /* the registers */
        "  mov 200(%rsp), %rdx\n" /* the return address */
        "  call enter\n"
        "  mov %rax, %r11\n"
        "  movups (%rsp), %xmm0\n   movups 16(%rsp), %xmm1\n  movups 32(%rsp), %xmm2\n"
        "  movups 48(%rsp), %xmm3\n movups 64(%rsp), %xmm4\n  movups 80(%rsp), %xmm5\n"
        "  movups 96(%rsp), %xmm6\n movups 112(%rsp), %xmm7\n"
        "  add $136, %rsp\n"
        "  pop %rax\n"
        "  pop %rdi\n  pop %rsi\n  pop %rdx\n  pop %rcx\n  pop %r8\n  pop %r9\n"
        "  add $8, %rsp\n"
        "  lea returned(%rip), %r10\n"
        "  mov %r10, (%rsp)\n"
        "  jmp *%r11\n"
        "returned:\n"
        "  sub $8, %rsp\n"
        "  push %rax\n  push %rdx\n"
        "  sub $24, %rsp\n"
        "  movups %xmm0, (%rsp)\n"
        "  mov %rax, %rdi\n"
        "  call leave\n"
        "  mov %rax, %r11\n"
        "  movups (%rsp), %xmm0\n"
        "  add $24, %rsp\n"
        "  pop %rdx\n  pop %rax\n"
        "  mov %r11, (%rsp)\n"
        "  ret\n");
_Static_assert(N_FUNCTIONS <= 528, "a stub for each function");

/* The function with this name, if it is traced. */
static int
find(const char *name)
{
  for (int f = 0; f < N_FUNCTIONS; f++) {
    if (strcmp(FUNCTIONS[f].name, name) == 0) {
      return f;
    }
  }
  return -1;
}

static int
trace_file(struct dl_phdr_info *info, size_t size, void *n_slots)
{
  const char *name = info->dlpi_name ? strrchr(info->dlpi_name, '/') : NULL;
  if (!name || strcmp(name + 1, traced) != 0) {
    return 0;
  }
  const ElfW(Dyn) *dynamic = NULL;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *part = &info->dlpi_phdr[i];
    uintptr_t at = info->dlpi_addr + part->p_vaddr;
    if (part->p_type == PT_DYNAMIC) {
      dynamic = (const void *)at;
    } else if (part->p_type == PT_GNU_RELRO) {
      uintptr_t from = at & ~4095UL, to = (at + part->p_memsz + 4095) & ~4095UL;
      mprotect((void *)from, to - from, PROT_READ | PROT_WRITE);
    }
  }
  const ElfW(Sym) *symbols = NULL;
  const char *names = NULL;
  const ElfW(Rela) *tables[2] = {NULL, NULL};
  size_t sizes[2] = {0, 0};
  for (; dynamic && dynamic->d_tag; dynamic++) {
    switch (dynamic->d_tag) {
    case DT_SYMTAB:
      symbols = (const void *)dynamic->d_un.d_ptr;
      break;
    case DT_STRTAB:
      names = (const void *)dynamic->d_un.d_ptr;
      break;
    case DT_JMPREL:
      tables[0] = (const void *)dynamic->d_un.d_ptr;
      break;
    case DT_PLTRELSZ:
      sizes[0] = dynamic->d_un.d_val;
      break;
    case DT_RELA:
      tables[1] = (const void *)dynamic->d_un.d_ptr;
      break;
    case DT_RELASZ:
      sizes[1] = dynamic->d_un.d_val;
      break;
    }
  }
  for (int t = 0; t < 2; t++) {
    for (size_t i = 0; i < sizes[t] / sizeof(ElfW(Rela)); i++) {
      const ElfW(Rela) *entry = &tables[t][i];
      int type = ELF64_R_TYPE(entry->r_info);
      if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT) {
        continue;
      }
      int f = find(names + symbols[ELF64_R_SYM(entry->r_info)].st_name);
      if (f >= 0) {
        void **slot = (void **)(info->dlpi_addr + entry->r_offset);
        the_function[f] = *slot;
        *slot = stubs + 16 * f;
        ++*(int *)n_slots;
      }
    }
  }
  return 0;
}

/* All plugins are loaded, those of rules too. */
static int
begin(TSCont cont, TSEvent event, void *data)
{
  int n_slots = 0;
  dl_iterate_phdr(trace_file, &n_slots);
  fprintf(out, "# %s: %d functions\n", traced, n_slots);
  fflush(out);
  return 0;
}

void
TSPluginInit(int argc, const char *argv[])
{
  TSPluginRegistrationInfo info = {"tracer", "atslab", ""};
  const char *file = getenv("ATSLAB_TRACE");
  TSPluginRegister(&info);
  traced = strdup(argc > 1 ? argv[1] : "");
  out = fopen(file ? file : "/dev/null", "a");
  if (!out) {
    TSError("[tracer] cannot write %s", file);
    out = stderr;
  }
  TSLifecycleHookAdd(TS_LIFECYCLE_PORTS_INITIALIZED_HOOK, TSContCreate(begin, NULL));
}
