// What is used of libuv, which Node exports to addons: declared here, since Node's headers are not
// downloaded (runtimes.md, trap 1). All of it has been stable since libuv 1.19
// (https://docs.libuv.org/en/v1.x/poll.html, check.html, handle.html, loop.html).
#pragma once

#include <cstddef>

struct uv_loop_s;  // what napi_get_uv_event_loop() answers

extern "C" {
// A uv_poll_t or uv_check_t: memory of uv_handle_size() bytes.
typedef struct uv_handle_s tutti_uv_handle;

size_t uv_handle_size(int type);
const char* uv_handle_type_name(int type);
void* uv_handle_get_data(const tutti_uv_handle* handle);
void uv_handle_set_data(tutti_uv_handle* handle, void* data);
void uv_unref(tutti_uv_handle* handle);
void uv_close(tutti_uv_handle* handle, void (*on_closed)(tutti_uv_handle*));

// Readable when the loop has something to do but for timers.
int uv_backend_fd(const uv_loop_s* loop);

int uv_poll_init(uv_loop_s* loop, tutti_uv_handle* poll, int fd);
int uv_poll_start(tutti_uv_handle* poll, int events,
                  void (*on_events)(tutti_uv_handle*, int status, int events));
int uv_poll_stop(tutti_uv_handle* poll);

int uv_check_init(uv_loop_s* loop, tutti_uv_handle* check);
int uv_check_start(tutti_uv_handle* check, void (*on_check)(tutti_uv_handle*));
}

namespace tutti {

// Of uv_handle_type and uv_poll_event.
inline constexpr int kUvCheck = 2, kUvPoll = 8;
inline constexpr int kUvReadable = 1, kUvWritable = 2;

}  // namespace tutti
