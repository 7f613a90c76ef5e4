import { type ReplyError, replyErrors } from '../core/errors.ts';
import { codes } from './addon.ts';

/**
 * What a client is answered for a negative result of a native call.
 * @param text A runtime's own words, where the code is `failed`: sent as they are.
 */
export function failure(result: number, text = ''): ReplyError {
  switch (-result) {
    case codes.notFound:
      return replyErrors.noSuchKey();
    case codes.wrongType:
    case codes.wrongKind:
      return replyErrors.wrongType();
    case codes.outOfMemory:
      return replyErrors.outOfMemory();
    case codes.invalidShape:
      return replyErrors.invalidShape();
    case codes.wrongBlobLength:
      return replyErrors.wrongBlobLength();
    case codes.wrongValueCount:
      return replyErrors.wrongValueCount();
    case codes.invalidValue:
      return replyErrors.invalidValue();
    case codes.invalidBool:
      return replyErrors.invalidBool();
    case codes.wrongStringCount:
      return replyErrors.wrongStringCount();
    case codes.nulInString:
      return replyErrors.nulInString();
    case codes.notInteger:
    case codes.overflow:
      return replyErrors.notInteger();
    case codes.failed:
      return replyErrors.ofRuntime(text);
    case codes.shuttingDown:
      return replyErrors.shuttingDown();
    case codes.notFloat:
      return replyErrors.notFloat();
    case codes.notANumber:
      return replyErrors.scoreNotANumber();
    case codes.notFloatRange:
      return replyErrors.notFloatRange();
    case codes.notMemberRange:
      return replyErrors.notMemberRange();
    case codes.indexOutOfRange:
      return replyErrors.indexOutOfRange();
    case codes.wouldOverflow:
      return replyErrors.wouldOverflow();
    case codes.hashNotInteger:
      return replyErrors.hashNotInteger();
    case codes.hashNotFloat:
      return replyErrors.hashNotFloat();
    case codes.incrementNotFinite:
      return replyErrors.incrementNotFinite();
    case codes.stringTooLong:
      return replyErrors.stringTooLong();
    case codes.invalidBitOffset:
      return replyErrors.invalidBitOffset();
    case codes.invalidStreamId:
      return replyErrors.invalidStreamId();
    case codes.streamIdTooSmall:
      return replyErrors.streamIdTooSmall();
    case codes.streamIdZero:
      return replyErrors.streamIdZero();
    case codes.streamExhausted:
      return replyErrors.streamExhausted();
    case codes.notSortable:
      return replyErrors.notSortable();
    case codes.syntax:
      return replyErrors.syntax();
    case codes.invalidBitfieldType:
      return replyErrors.invalidBitfieldType();
    case codes.invalidOverflow:
      return replyErrors.invalidOverflow();
    case codes.onlyGet:
      return replyErrors.onlyGet();
    case codes.invalidStartId:
      return replyErrors.invalidIntervalId('start');
    case codes.invalidEndId:
      return replyErrors.invalidIntervalId('end');
    case codes.setIdTooSmall:
      return replyErrors.setIdTooSmall();
    case codes.setIdBelowDeleted:
      return replyErrors.setIdBelowDeleted();
    case codes.setIdEntriesTooFew:
      return replyErrors.setIdEntriesTooFew();
    case codes.setIdBelowGiven:
      return replyErrors.setIdBelowGiven();
    case codes.invalidBit:
      return replyErrors.invalidBit();
    case codes.decrementOverflow:
      return replyErrors.decrementOverflow();
    case codes.notFinite:
      return replyErrors.notFinite();
    case codes.unblocked:
      return replyErrors.unblocked();
    case codes.offsetOutOfRange:
      return replyErrors.offsetOutOfRange();
    case codes.badChecksum:
      return replyErrors.badDumpChecksum();
    case codes.badFormat:
      return replyErrors.badDumpFormat();
    case codes.busyKey:
      return replyErrors.busyKey();
    case codes.cannotSave:
      return replyErrors.cannotSave(text);
    case codes.saving:
      return replyErrors.saveInProgress();
    default:
      throw new Error(`the native core answered ${result}, which is no result of this call`);
  }
}
