#include "persistence/module_values.h"

#include <algorithm>
#include <cassert>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "core/units.h"
#include "inference/model.h"
#include "persistence/rdb.h"
#include "tensor/dtype.h"
#include "tensor/incoming_blob.h"
#include "tensor/tensor.h"

namespace tutti {

namespace {

constexpr int kEncodingWritten = 4;
constexpr int kEncodingBits = 10;
constexpr size_t kNameChars = 9;
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view kTensorName = "AI_TENSOR", kModelName = "AI__MODEL",
                           kScriptName = "AI_SCRIPT";

// A piece of a model's blob, as RedisAI cuts it by default.
constexpr size_t kChunkBytes = 511 * kMiB;

// Nine letters of 6 bits, and the encoding.
uint64_t ModuleId(std::string_view name) {
  uint64_t id = 0;
  for (const char c : name) id = id << 6 | kAlphabet.find(c);
  return id << kEncodingBits | kEncodingWritten;
}

std::string ModuleName(uint64_t id) {
  std::string name(kNameChars, ' ');
  id >>= kEncodingBits;
  for (size_t i = kNameChars; i-- > 0; id >>= 6) name[i] = kAlphabet[id & 0x3f];
  return name;
}

int EncodingOf(uint64_t id) { return static_cast<int>(id & ((1 << kEncodingBits) - 1)); }

// --- writing ---

class FieldWriter {
 public:
  explicit FieldWriter(RdbWriter& writer) : writer_(writer) {}

  void Unsigned(uint64_t value) {
    writer_.Length(rdb::kModuleUnsigned);
    writer_.Length(value);
  }
  // Redis writes and reads these as unsigned too (module.c, RM_SaveSigned).
  void Signed(int64_t value) { Unsigned(static_cast<uint64_t>(value)); }
  void String(std::string_view bytes) {
    writer_.Length(rdb::kModuleString);
    writer_.String(bytes);
  }
  // Large ones as they are: numbers of tensors and weights of models gain little.
  void Blob(std::string_view bytes) {
    if (bytes.size() < kBlobBytesMin) return String(bytes);
    writer_.Length(rdb::kModuleString);
    writer_.Blob(bytes);
  }
  // With the NUL at its end.
  void Terminated(const std::string& text) { String({text.c_str(), text.size() + 1}); }
  void Names(const std::vector<std::string>& names) {
    Unsigned(names.size());
    for (const std::string& name : names) Terminated(name);
  }

 private:
  RdbWriter& writer_;
};

void WriteTensor(const Tensor& tensor, FieldWriter& fields) {
  const DTypeRow& dtype = dtype_row(tensor.dtype());
  fields.Unsigned(dtype.dlpack_code);
  fields.Unsigned(dtype.bits);
  fields.Signed(static_cast<int64_t>(tensor.dims().size()));
  for (const int64_t dim : tensor.dims()) fields.Signed(dim);
  const std::string_view blob(reinterpret_cast<const char*>(tensor.data()), tensor.bytes());
  fields.Blob(blob);
  if (tensor.dtype() != DType::kString) return;
  // Where each element begins.
  for (size_t at = 0; at < blob.size(); at = blob.find('\0', at) + 1) fields.Unsigned(at);
}

// The blob's bytes [offset, offset + count), borrowed if they lie in one part.
std::string_view BytesOf(const Model& model, size_t offset, size_t count, std::string* copied) {
  size_t part_offset = 0;
  for (const BlobPart& part : model.spec().blob) {
    if (offset >= part_offset && offset + count <= part_offset + part.bytes) {
      return {reinterpret_cast<const char*>(part.buffer->data()) + (offset - part_offset), count};
    }
    part_offset += part.bytes;
  }
  copied->resize(count);
  model.CopyBlob(offset, count, reinterpret_cast<uint8_t*>(copied->data()));
  return *copied;
}

void WriteModel(const Model& model, FieldWriter& fields) {
  const ModelSpec& spec = model.spec();
  fields.Unsigned(static_cast<uint64_t>(spec.backend));
  fields.Terminated(spec.device.name);
  fields.String(spec.tag);
  fields.Unsigned(static_cast<uint64_t>(spec.batch_size));
  fields.Unsigned(static_cast<uint64_t>(spec.min_batch_size));
  fields.Unsigned(static_cast<uint64_t>(spec.min_batch_timeout_ms));
  const ModelNames names = model.names().value_or(ModelNames{});
  fields.Names(names.inputs);
  fields.Names(names.outputs.value_or(std::vector<std::string>{}));
  const size_t bytes = model.blob_bytes();
  fields.Unsigned(bytes);
  fields.Unsigned(bytes / kChunkBytes + 1);
  std::string copied;
  for (size_t offset = 0;; offset += kChunkBytes) {
    const size_t count = std::min(kChunkBytes, bytes - offset);
    fields.Blob(BytesOf(model, offset, count, &copied));
    if (count < kChunkBytes) break;  // the last may be empty, as it is counted
  }
}

void WriteScript(const Script& script, FieldWriter& fields) {
  const ScriptSpec& spec = script.spec();
  fields.Terminated(spec.device.name);
  fields.String(spec.tag);
  fields.Terminated(spec.source);
  fields.Names(spec.entry_points);
}

// --- reading ---

class FieldReader {
 public:
  explicit FieldReader(RdbReader& reader) : reader_(reader) {}

  // Signed or unsigned: the encodings differ in which they use.
  int64_t Integer() {
    const uint64_t opcode = reader_.Length();
    if (reader_.ok() && opcode != rdb::kModuleSigned && opcode != rdb::kModuleUnsigned) {
      reader_.Fail("a field of a module's value is no integer");
    }
    return static_cast<int64_t>(reader_.Length());
  }
  int64_t NotNegative() {
    const int64_t value = Integer();
    if (value < 0) reader_.Fail("a field of a module's value is negative");
    return std::max<int64_t>(value, 0);
  }
  // How many fields follow: each takes two bytes at least.
  int64_t Count() {
    const int64_t count = NotNegative();
    if (static_cast<uint64_t>(count) <= reader_.left() / 2) return count;
    reader_.Fail("a module's value counts more fields than there are");
    return 0;
  }
  // Without the NUL that it may end in.
  std::string Text() {
    BeginString();
    std::string_view text = reader_.Text();
    if (!text.empty() && text.back() == '\0') text.remove_suffix(1);
    return std::string(text);
  }
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (int64_t left = Count(); left > 0 && reader_.ok(); --left) names.push_back(Text());
    return names;
  }
  BlobPart Blob() {
    BeginString();
    BlobPart part;
    part.bytes = 0;
    part.buffer = reader_.Blob(MemoryKind::kModels, &part.bytes);
    return part;
  }
  RdbReader::StringHead BlobHead() {
    BeginString();
    return reader_.Head();
  }
  RdbReader& reader() { return reader_; }
  bool ok() const { return reader_.ok(); }

 private:
  void BeginString() {
    if (reader_.Length() != rdb::kModuleString) {
      reader_.Fail("a field of a module's value is no string");
    }
  }

  RdbReader& reader_;
};

void SkipFields(RdbReader& reader) {
  while (reader.ok()) {
    switch (reader.Length()) {
      case rdb::kModuleEnd:
        return;
      case rdb::kModuleSigned:
      case rdb::kModuleUnsigned:
        reader.Length();
        break;
      case rdb::kModuleFloat: {
        float value;
        reader.Raw(&value, sizeof value);
        break;
      }
      case rdb::kModuleDouble:
        reader.Double();
        break;
      case rdb::kModuleString:
        reader.SkipString();
        break;
      default:
        reader.Fail("a field of a module's value is of an unknown kind");
    }
  }
}

std::optional<DType> DTypeOf(int64_t code, int64_t bits) {
  for (int i = 0; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    const DTypeRow& row = dtype_row(dtype);
    if (row.dlpack_code == code && row.bits == bits) return dtype;
  }
  return std::nullopt;
}

// The elements, straight into the memory that the tensor keeps.
Ref<Tensor> ReadElements(DType dtype, std::span<const int64_t> dims, FieldReader& fields) {
  RdbReader& reader = fields.reader();
  const auto count = ElementCount(dims, dtype_row(dtype).element_bytes);
  if (!count.ok()) {
    reader.Fail("a tensor of an impossible shape");
    return nullptr;
  }
  const RdbReader::StringHead head = fields.BlobHead();
  if (!reader.ok()) return nullptr;
  Ref<Tensor> tensor;
  if (head.bytes < kBlobBytesMin) {
    uint8_t elements[kBlobBytesMin];
    reader.Body(head, elements);
    tensor = Tensor::Copy(dtype, dims, elements, head.bytes);
  } else if (Ref<Buffer> buffer = Buffer::Allocate(head.bytes, MemoryKind::kTensors)) {
    reader.Body(head, buffer->data());
    tensor = Tensor::FromBuffer(dtype, dims, std::move(buffer), head.bytes);
  }
  if (!tensor) {
    reader.FailWith(Code::kOutOfMemory);
    return nullptr;
  }
  if (!reader.ok()) return nullptr;
  if (!CheckBlob(dtype, count.value(), tensor->data(), head.bytes).ok()) {
    reader.Fail("a tensor whose elements do not agree with its shape");
    return nullptr;
  }
  return tensor;
}

Ref<Object> ReadTensor(int encoding, FieldReader& fields) {
  const bool is_old = encoding < 4;
  int64_t code, bits;
  if (is_old) {
    fields.Integer();  // device type
    fields.Integer();  // device number
    bits = fields.Integer();
    code = fields.Integer();
    fields.Integer();  // lanes
  } else {
    code = fields.Integer();
    bits = fields.Integer();
  }
  const int64_t rank = fields.Integer();
  if (!fields.ok()) return nullptr;
  const auto dtype = DTypeOf(code, bits);
  if (!dtype || rank < 0 || rank > kTensorRankMax) {
    fields.reader().Fail(dtype ? "a tensor of an impossible rank" : "a tensor of an unknown dtype");
    return nullptr;
  }
  std::vector<int64_t> dims;
  for (int64_t i = 0; i < rank; ++i) dims.push_back(fields.Integer());
  if (is_old) {
    for (int64_t i = 0; i < rank; ++i) fields.Integer();  // stride
    if (fields.Integer() != 0) fields.reader().Fail("a tensor with a byte offset");
  }
  if (!fields.ok()) return nullptr;
  Ref<Tensor> tensor = ReadElements(*dtype, dims, fields);
  // Where each string begins follows from the strings.
  const bool has_offsets = !is_old && *dtype == DType::kString;
  if (tensor && has_offsets) {
    const auto count = ElementCount(dims, 1);
    for (int64_t left = count.value(); left > 0 && fields.ok(); --left) fields.Integer();
  }
  return tensor;
}

std::optional<Device> ReadDevice(FieldReader& fields) {
  auto device = ParseDevice(fields.Text());
  if (!device) fields.reader().Fail("a device that is none");
  return device;
}

Ref<Object> ReadModel(int encoding, FieldReader& fields) {
  RdbReader& reader = fields.reader();
  ModelSpec spec;
  const int64_t backend = fields.NotNegative();
  if (backend >= kBackendCount) reader.Fail("a model of an unknown backend");
  if (!reader.ok()) return nullptr;
  spec.backend = static_cast<BackendKind>(backend);
  auto device = ReadDevice(fields);
  if (!device) return nullptr;
  spec.device = std::move(*device);
  spec.tag = fields.Text();
  spec.batch_size = fields.NotNegative();
  spec.min_batch_size = fields.NotNegative();
  if (encoding >= 2) spec.min_batch_timeout_ms = fields.NotNegative();
  spec.inputs = fields.Names();
  spec.outputs = fields.Names();
  // Only a TorchScript list of a length that a run decides has none, and a model out of a file of
  // commands that was never compiled, which has no inputs either.
  spec.is_output_count_known = spec.backend != BackendKind::kTorch || !spec.outputs.empty();
  if (encoding == 0) {
    spec.blob.push_back(fields.Blob());
  } else {
    const int64_t bytes = fields.NotNegative();
    int64_t read_bytes = 0;
    for (int64_t left = fields.Count(); left > 0 && reader.ok(); --left) {
      BlobPart part = fields.Blob();
      read_bytes += static_cast<int64_t>(part.bytes);
      if (part.bytes > 0) spec.blob.push_back(std::move(part));
    }
    if (reader.ok() && read_bytes != bytes) reader.Fail("a model of another size than it says");
  }
  if (!reader.ok()) return nullptr;
  return Ref<Model>::Adopt(new Model(std::move(spec)));
}

Ref<Object> ReadScript(int encoding, FieldReader& fields) {
  ScriptSpec spec;
  auto device = ReadDevice(fields);
  if (!device) return nullptr;
  spec.device = std::move(*device);
  spec.tag = fields.Text();
  spec.source = fields.Text();
  if (encoding >= 3) spec.entry_points = fields.Names();
  if (!fields.ok()) return nullptr;
  return Ref<Script>::Adopt(new Script(std::move(spec)));
}

}  // namespace

void WriteModuleValue(const Object& value, RdbWriter& writer) {
  FieldWriter fields(writer);
  switch (value.kind()) {
    case ObjectKind::kTensor:
      writer.Length(ModuleId(kTensorName));
      WriteTensor(static_cast<const Tensor&>(value), fields);
      break;
    case ObjectKind::kModel:
      writer.Length(ModuleId(kModelName));
      WriteModel(static_cast<const Model&>(value), fields);
      break;
    default:
      assert(value.kind() == ObjectKind::kScript);
      writer.Length(ModuleId(kScriptName));
      WriteScript(static_cast<const Script&>(value), fields);
  }
  writer.Length(rdb::kModuleEnd);
}

Ref<Object> ReadModuleValue(RdbReader& reader) {
  const uint64_t id = reader.Length();
  if (!reader.ok()) return nullptr;
  const std::string name = ModuleName(id);
  const int encoding = EncodingOf(id);
  const bool is_ours = name == kTensorName || name == kModelName || name == kScriptName;
  if (!is_ours || encoding > kEncodingWritten) {
    reader.Fail("a value of the module type '" + name + "' in encoding " +
                std::to_string(encoding) + ", which this server does not have");
    return nullptr;
  }
  FieldReader fields(reader);
  Ref<Object> value = name == kTensorName  ? ReadTensor(encoding, fields)
                      : name == kModelName ? ReadModel(encoding, fields)
                                           : ReadScript(encoding, fields);
  if (reader.ok() && reader.Length() != rdb::kModuleEnd) {
    reader.Fail("a module's value goes on where it should end");
  }
  return reader.ok() ? value : nullptr;
}

std::string SkipModuleAux(RdbReader& reader) {
  const std::string name = ModuleName(reader.Length());
  // When it is to be loaded: before or behind the values.
  if (reader.Length() != rdb::kModuleUnsigned) reader.Fail("a module's data without their time");
  reader.Length();
  SkipFields(reader);
  return name;
}

}  // namespace tutti
