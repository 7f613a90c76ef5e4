#include "inference/start_thread.h"

#include <signal.h>

#include <memory>
#include <utility>

namespace tutti {
namespace {

struct Start {
  std::string name;
  std::function<void()> work;
};

void* Run(void* argument) {
  std::unique_ptr<Start> start(static_cast<Start*>(argument));
  pthread_setname_np(pthread_self(), start->name.c_str());
  start->work();
  return nullptr;
}

}  // namespace

std::optional<pthread_t> StartThread(const std::string& name, std::function<void()> work) {
  auto start = std::make_unique<Start>(Start{name.substr(0, 15), std::move(work)});

  // A new thread inherits the mask. Faults stay open: blocked, they would end the process anyway.
  sigset_t blocked, before;
  sigfillset(&blocked);
  for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS})
    sigdelset(&blocked, fault);
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_t thread;
  const int failure = pthread_create(&thread, &attributes, Run, start.get());
  pthread_attr_destroy(&attributes);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);

  if (failure != 0) return std::nullopt;
  start.release();  // the thread's now
  return thread;
}

}  // namespace tutti
