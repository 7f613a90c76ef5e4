// Operations of TensorFlow that reach the files of the machine they run on. A graph comes from a
// client, who is not to read or write what is the server's.
#ifndef TUTTI_BACKENDS_TENSORFLOW_FILE_OPERATIONS_H_
#define TUTTI_BACKENDS_TENSORFLOW_FILE_OPERATIONS_H_

#include <algorithm>
#include <iterator>
#include <string_view>

#include "../protobuf.h"

namespace tutti {

// Those with a path, URL or connection among their inputs or attributes
// (tensorflow/core/ops/*.cc, TensorFlow 2.21). Sorted.
inline constexpr std::string_view kFileOperations[] = {
    "CSVDataset",
    "CSVDatasetV2",
    "CacheDataset",
    "CacheDatasetV2",
    "CreateSummaryDbWriter",
    "CreateSummaryFileWriter",
    "DatasetToTFRecord",
    "DebugIdentity",
    "DebugIdentityV2",
    "DebugIdentityV3",
    "DebugNanCount",
    "DebugNumericSummary",
    "DecodeProtoV2",
    "DistributedSave",
    "EncodeProto",
    "FixedLengthRecordDataset",
    "FixedLengthRecordDatasetV2",
    "FixedLengthRecordReader",
    "FixedLengthRecordReaderV2",
    "GenerateVocabRemapping",
    "ImmutableConst",
    "InitializeTableFromTextFile",
    "InitializeTableFromTextFileV2",
    "LMDBDataset",
    "LMDBReader",
    "ListSnapshotChunksDataset",
    "LoadAndRemapMatrix",
    "LoadDataset",
    "MatchingFiles",
    "MatchingFilesDataset",
    "MergeV2Checkpoints",
    "PrintV2",
    "ReadFile",
    "Restore",
    "RestoreSlice",
    "RestoreV2",
    "Save",
    "SaveDataset",
    "SaveDatasetV2",
    "SaveSlices",
    "SaveV2",
    "SnapshotChunkDataset",
    "SnapshotDataset",
    "SnapshotDatasetReader",
    "SnapshotDatasetV2",
    "SnapshotNestedDatasetReader",
    "SqlDataset",
    "TFRecordDataset",
    "TFRecordDatasetV2",
    "TFRecordReader",
    "TFRecordReaderV2",
    "TextLineDataset",
    "TextLineReader",
    "TextLineReaderV2",
    "WholeFileReader",
    "WholeFileReaderV2",
    "WriteFile",
};

inline bool ReachesFiles(std::string_view operation) {
  constexpr std::string_view kOldPrefix = "Experimental";
  if (operation.starts_with(kOldPrefix)) operation.remove_prefix(kOldPrefix.size());
  return std::binary_search(std::begin(kFileOperations), std::end(kFileOperations), operation);
}

enum class GraphMessage { kGraph, kLibrary, kFunction, kNode };

// The first of them in a GraphDef, its functions included; empty if there is none. By
// GraphDef.node = 1, .library = 2, FunctionDefLibrary.function = 1, FunctionDef.node_def = 3 and
// NodeDef.op = 2. What is not well-formed is left for TensorFlow to refuse.
inline std::string_view FindFileOperation(std::string_view message,
                                          GraphMessage kind = GraphMessage::kGraph) {
  using M = GraphMessage;
  for (ProtobufField field; ReadField(&message, &field);) {
    if (field.wire_type != kLengthField) continue;
    std::string_view found;
    if (kind == M::kNode) {
      if (field.number == 2 && ReachesFiles(field.content)) found = field.content;
    } else if ((kind == M::kGraph && field.number == 1) ||
               (kind == M::kFunction && field.number == 3)) {
      found = FindFileOperation(field.content, M::kNode);
    } else if (kind == M::kGraph && field.number == 2) {
      found = FindFileOperation(field.content, M::kLibrary);
    } else if (kind == M::kLibrary && field.number == 1) {
      found = FindFileOperation(field.content, M::kFunction);
    }
    if (!found.empty()) return found;
  }
  return {};
}

}  // namespace tutti

#endif  // TUTTI_BACKENDS_TENSORFLOW_FILE_OPERATIONS_H_
