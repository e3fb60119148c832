/**
 * The builds of libtorch for CUDA on Linux x64: PyTorch's wheel on PyPI, and NVIDIA's wheels that it asks for, whose
 * libraries it looks for beside its own folder; and one with a header that contrastive_cuda.so is compiled with. Versions
 * and SHA-256 are those that PyPI gives. Both were installed and loaded on a machine without a GPU, where they find no
 * CUDA device and compute on the CPU.
 */
import type { Wheel } from './wheel.ts';

/** Folder on PyPI's file host, file, SHA-256. */
type Row = readonly [string, string, string];

/** What PyTorch 2.13.0 asks for, and the header. */
const cuda130: readonly Row[] = [
  [
    '3b/cd/154ca20c38269e05eff77c1464e6c1da89f50a6390b565e9d82e06bc11e1',
    'nvidia_cublas-13.1.1.3-py3-none-manylinux_2_27_x86_64.whl',
    '37936a16db8fe4ac1f065c2139360608a543a09275cb1a1af612e08cfa065436',
  ],
  [
    '33/6d/737d164b4837a9bbd202f5ae3078975f0525a55730fe871d8ed4e3b952b0',
    'nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl',
    '4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8',
  ],
  [
    'c3/68/483a78f5e8f31b08fb1bb671559968c0ca3a065ac7acabfc7cee55214fd6',
    'nvidia_cuda_nvrtc-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
    'ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575',
  ],
  [
    '05/69/a1ec4d9f0747d85964206feb47bf359f48a2d6af74c0add8abba6efe3dda',
    'nvidia_cuda_crt-13.0.88-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    '2c8043c7c9e02492716426e9919fc78d2c5b3b2a7a768a88e952676b08aa55a4',
  ],
  [
    '2e/24/d1558f3b68b1d26e706813b1d10aa1d785e4698c425af8db8edc3dced472',
    'nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    '7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548',
  ],
  [
    '6e/5e/edb9c0ae051602c3ccaffe424256463636d639e27d7f302dde9975ef9e7a',
    'nvidia_cudnn_cu13-9.20.0.48-py3-none-manylinux_2_27_x86_64.whl',
    '0c45dd8eeb50b603f07995b1b300c62ffe6a1980482b82b3bcf94a4ca9d49304',
  ],
  [
    'a8/2f/7b57e29836ea8714f81e9898409196f47d772d5ddedddf1592eadb8ab743',
    'nvidia_cufft-12.0.0.61-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    '6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3',
  ],
  [
    '3f/70/4f193de89a48b71714e74602ee14d04e4019ad36a5a9f20c425776e72cd6',
    'nvidia_cufile-1.15.1.6-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    '08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44',
  ],
  [
    'a5/9f/be0a41ca4a4917abf5cb9ae0daff1a6060cc5de950aec0396de9f3b52bc5',
    'nvidia_curand-10.4.0.35-py3-none-manylinux_2_27_x86_64.whl',
    '1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc',
  ],
  [
    '5f/67/cba3777620cdacb99102da4042883709c41c709f4b6323c10781a9c3aa34',
    'nvidia_cusolver-12.0.4.66-py3-none-manylinux_2_27_x86_64.whl',
    '0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112',
  ],
  [
    'fa/18/623c77619c31d62efd55302939756966f3ecc8d724a14dab2b75f1508850',
    'nvidia_cusparse-12.6.3.3-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    '2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b',
  ],
  [
    '34/7d/2661f2fb3ac4302f3a246f5fc030213ac60c1fe0bce84f9783dbd831dbb7',
    'nvidia_cusparselt_cu13-0.8.1-py3-none-manylinux2014_x86_64.whl',
    '786ce87568c303fadb5afcc7102d454cd3040d75f6f8626f5db460d1871f4dd0',
  ],
  [
    '67/f4/58e4e91b6919367c7aafb8e36fce9aad1a3047e536bf7e2fd560927d3a4c',
    'nvidia_nccl_cu13-2.29.7-py3-none-manylinux_2_18_x86_64.whl',
    'edd81538446786ec3b73972543e53bb43bcaf0bfc8ef76cb679fcc390ffe136d',
  ],
  [
    'cc/1f/2321702b8d60b4b4dd18b957f61612dbac9cb1c07e940cf6582106b7c8b8',
    'nvidia_nvjitlink-13.5.37-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
    '280d7cb9649704145f074b8dbde500de04ce02d0872e066e20a83c17bcaa93eb',
  ],
  [
    '3c/35/a9bf80a609e74e3b000fef598933235c908fcefcef9026042b8e6dfde2a9',
    'nvidia_nvshmem_cu13-3.4.5-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    '290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80',
  ],
  [
    'c2/f3/d86c845465a2723ad7e1e5c36dcd75ddb82898b3f53be47ebd429fb2fa5d',
    'nvidia_nvtx-13.0.85-py3-none-manylinux1_x86_64.manylinux_2_5_x86_64.whl',
    '4936d1d6780fbe68db454f5e72a42ff64d1fd6397df9f363ae786930fd5c1cd4',
  ],
];

/** What PyTorch 2.15.0 asks for, and the header. */
const cuda132: readonly Row[] = [
  [
    'e1/97/d483a41da34df5c88727c57319576967f6d7befba5028d70928d2999635e',
    'nvidia_cublas-13.4.1.3-py3-none-manylinux_2_27_x86_64.whl',
    'a5917cb642cfb07f4a0231ee16aec7e2e0357d8cb8b1b78a0c9c68dba3e6afc7',
  ],
  [
    'b4/76/a10d9fb5d9a0e46d5f95e5520bd1b2d8ad22a9c0a09d2f8c20c5ee842a96',
    'nvidia_cuda_cupti-13.2.86-py3-none-manylinux_2_25_x86_64.whl',
    '8fa29f15dd8336181f961764d9d95236fc6b931dd0c8fcf8cd70aab0c310b586',
  ],
  [
    '1e/39/c58835ec8392a91b8d7bad83760eafc3085f64788b722ec2b44a27b3ca3e',
    'nvidia_cuda_nvrtc-13.2.86-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
    '8111c5130e967b78222ea2124145f8efe9ce201b752b2579a2513100a53be1c5',
  ],
  [
    '65/9f/404307a23ffd26ef2e3661bf79ffed0e3ea245a42cb6b74c5e4d1bb93ab2',
    'nvidia_cuda_crt-13.2.86-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    'e3ab08801bf9b1e6dc979275d25e816bb5000521b648e19c324d5eef0c79f1da',
  ],
  [
    '70/c6/8f8c5e893d183082ea78f973aebc7ebc845ee219d68bddac73b0f62490fe',
    'nvidia_cuda_runtime-13.2.86-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    '3498247680dfddce31bad102af7e3e26fc795342a3cac64722bb0fa95e7f60f0',
  ],
  [
    'ac/1b/ea72dd62f26ce3e0a7870b85148b75a5987507629b712deebeb87f7cce9a',
    'nvidia_cudnn_cu13-9.26.0.51-py3-none-manylinux_2_27_x86_64.whl',
    '9c976d539786698c71d6bcdbe2053b7485fae062ff7e1215d2f2ff67b1a2149a',
  ],
  [
    '41/28/868ed0c6ade5e6a75b25166b3cf191f4a2ff58ad618c1e40befb776c97c5',
    'nvidia_cufft-12.2.0.57-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    '34da27fadf3979b0b042c43823f0530be8408b86df31ee0108e1ca0b621d4ef6',
  ],
  [
    '23/c5/661a73a9042fc5f81cdd5fe6e89f4170b3b33f7962e709987e2b5e5f1381',
    'nvidia_cufile-1.17.1.22-py3-none-manylinux_2_27_x86_64.whl',
    '87feaf8c3ad20d3d03a01933181801ff6892bace5c8f0b1e4b48f319d3e62d36',
  ],
  [
    'e4/a4/90f7ade9992190788658c3c285f196fdb9bcc3a5bb93a325c245121d22fd',
    'nvidia_cusolver-12.2.0.11-py3-none-manylinux_2_27_x86_64.whl',
    'fab5778f6769947389a1a6abc07e635576825a08c0ffc68c3ae7f1392c794b42',
  ],
  [
    'bc/46/3a9700cc13f30c9279af9a862363535c814fa27597199b21fd93cad66237',
    'nvidia_cusparse-12.7.10.12-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    '25907c75e4db1581685f06f61cc6cdecc04611765516a52373e0a18ebd69fa00',
  ],
  [
    '34/7d/2661f2fb3ac4302f3a246f5fc030213ac60c1fe0bce84f9783dbd831dbb7',
    'nvidia_cusparselt_cu13-0.8.1-py3-none-manylinux2014_x86_64.whl',
    '786ce87568c303fadb5afcc7102d454cd3040d75f6f8626f5db460d1871f4dd0',
  ],
  [
    '3f/34/c500f90c7ae641b8e0f98965b36b8a7ac79cc8b296e8d251fe3eb592ee54',
    'nvidia_nccl_cu13-2.30.7-py3-none-manylinux_2_18_x86_64.whl',
    'cefa7fdb9710efd0f39c5f1be1d61ff6fc9a996c451265bd7fbdcf9455ed4b50',
  ],
  [
    'cc/1f/2321702b8d60b4b4dd18b957f61612dbac9cb1c07e940cf6582106b7c8b8',
    'nvidia_nvjitlink-13.5.37-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
    '280d7cb9649704145f074b8dbde500de04ce02d0872e066e20a83c17bcaa93eb',
  ],
  [
    '4f/4a/037dfbbafc96ad1828ef62326f27970cae2c0eb271cf5b8e6922f32a7427',
    'nvidia_nvshmem_cu13-3.7.2-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    'b9a4f843c62b5dded8ad33fd6d220e007dcd39f06cee549292f5ba14ce4c235c',
  ],
  [
    '49/ee/16bde09927e7ffacd50b117cd7d1dc764d145f03249fc41fdf6dfba3301f',
    'nvidia_nvtx-13.2.86-py3-none-manylinux1_x86_64.manylinux_2_5_x86_64.whl',
    '968ce72baee2a01791c7d3254000eac81f24677b0b91c62d21b449a1f309c245',
  ],
];

const host = 'https://files.pythonhosted.org/packages';

/** A wheel's file name is its project with underscores, version, Python, ABI and platforms. */
const libraries = (rows: readonly Row[]): Wheel[] =>
  rows.map(([folder, file, sha256]) => {
    const [project = '', version = ''] = file.split('-');
    return {
      project: project.replaceAll('_', '-'),
      version,
      file,
      sha256,
      pipPlatform: /(manylinux[\d_]+_x86_64)\.whl$/.exec(file)?.[1] ?? '',
      url: `${host}/${folder}/${file}`,
    };
  });

/** The wheels with the headers that contrastive_cuda.so is compiled with. */
export const cudaHeaderWheels = (libtorch: Wheel): Wheel[] =>
  (libtorch.beside ?? []).filter(({ project = '' }) => /^nvidia-(cuda-crt|cuda-runtime|nccl-cu\d+)$/.test(project));

/** By CUDA's version. */
export const cudaWheels: Readonly<Record<string, Wheel>> = {
  '13.0': {
    version: '2.13.0',
    file: 'torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl',
    sha256: '60fcdcb2f3876e21146cb4524ef06397d727ca9ad5f020818547e25075fe3cb7',
    pipPlatform: 'manylinux_2_28_x86_64',
    url: `${host}/01/79/1f2d34ad7034ee1c7ffc1cf8bf0f8213af2a81df6ecdb3997ecec107c09d/torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl`,
    beside: libraries(cuda130),
  },
  '13.2': {
    version: '2.15.0',
    file: 'torch-2.15.0-cp311-cp311-manylinux_2_28_x86_64.whl',
    sha256: '48c2d861134c0b5697c7602cb5ffa68f62a2989fdcd1717e593356f67996ca1e',
    pipPlatform: 'manylinux_2_28_x86_64',
    url: `${host}/06/7d/57b7f46934e1148b436889e385693bfcb94ae047b3fe0b6015922e3b66f7/torch-2.15.0-cp311-cp311-manylinux_2_28_x86_64.whl`,
    beside: libraries(cuda132),
  },
};
