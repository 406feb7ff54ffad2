// The processor's time that one thread has used, for whoever holds its clock.
#pragma once

#include <pthread.h>

#include <chrono>
#include <ctime>

#ifdef __APPLE__
#include <mach/mach.h>
#endif

namespace mlxserving {

// Any thread may read it while the thread it is of runs.
class ThreadClock {
 public:
  static ThreadClock of_this_thread() { return ThreadClock(pthread_self()); }

  std::chrono::nanoseconds used() const {
#ifdef __APPLE__
    thread_basic_info info{};
    mach_msg_type_number_t count = THREAD_BASIC_INFO_COUNT;
    if (thread_info(pthread_mach_thread_np(thread_), THREAD_BASIC_INFO, reinterpret_cast<thread_info_t>(&info),
                    &count) != KERN_SUCCESS)
      return {};
    return std::chrono::seconds(info.user_time.seconds + info.system_time.seconds) +
           std::chrono::microseconds(info.user_time.microseconds + info.system_time.microseconds);
#else
    clockid_t clock{};
    timespec time{};
    if (pthread_getcpuclockid(thread_, &clock) != 0 || clock_gettime(clock, &time) != 0) return {};
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
#endif
  }

 private:
  explicit ThreadClock(pthread_t thread) : thread_(thread) {}

  pthread_t thread_;
};

}  // namespace mlxserving
