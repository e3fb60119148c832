/** Where the index finds them. */
export { fileDigest, modelMark } from '../serve/model-mark.ts';
